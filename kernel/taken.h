/* Addresses that a socket on every address serves beside the one it stands on are taken, though the kernel's own check of
 * ports does not know it: whoever else binds to them gets EADDRINUSE, as beside any socket on every address. Nor is a wildcard
 * bind granted where a listener stands at one of them, and no port is shared with a socket of another context.
 *
 * Without this a user could tie himself to a server's second address, or to 127.0.0.1, and be given what is meant for others.
 * Not covered: what is bound and does not listen yet is found by no look-up. */
#ifndef VS_TAKEN_H
#define VS_TAKEN_H

#include "stands.h"

/* How it is to be bound: to just that address; to every one, and stand there; to every one, and stand elsewhere. The kernel's own
 * check of ports is made where it stands. */
enum manner { BY_ADDRESS, AS_FIRST, AS_FURTHER };

#ifdef OWN_CGROUP

/* A socket on every address serves the first alone. */
static __always_inline bool is_taken(struct bpf_sock_addr *ctx, const struct address *at, __u64 set, __u32 manner)
{
	return false;
}

#else

/* The listener or datagram socket reached there. The look-up comes from the address itself, as a context's loopback is
 * spoken to from nowhere else, and from port 0, which nobody is connected from. */
static __always_inline struct bpf_sock *find_at(struct bpf_sock_addr *ctx, bool stream, const struct address *at,
						__be16 port)
{
	struct bpf_sock_tuple tuple = {};
	__u32 size = sizeof(tuple.ipv6);

	if (is_mapped(at->high, at->low)) {
		tuple.ipv4.saddr = at->low >> 32;
		tuple.ipv4.daddr = at->low >> 32;
		tuple.ipv4.dport = port;
		size = sizeof(tuple.ipv4);
	} else {
		__builtin_memcpy(tuple.ipv6.saddr, at, sizeof(*at));
		__builtin_memcpy(tuple.ipv6.daddr, at, sizeof(*at));
		tuple.ipv6.dport = port;
	}
	return stream ? bpf_sk_lookup_tcp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0) :
			bpf_sk_lookup_udp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
}

static __always_inline bool stands_at(struct bpf_sock *sk, const struct address *at)
{
	__u32 first = sk->src_ip6[0], third;

	if (is_mapped(at->high, at->low))
		return sk->src_ip4 == (__u32)(at->low >> 32);
	SEPARATE(first);
	third = sk->src_ip6[2];
	SEPARATE(third);
	return joined(first, sk->src_ip6[1]) == at->high && joined(third, sk->src_ip6[3]) == at->low;
}

/* Whether the socket serves the address, and leaves no room there for one more of `set`. */
enum service { NO_SERVICE, SHARED_SERVICE, FULL_SERVICE };

static __always_inline bool shares_stream(struct bpf_sock_addr *ctx, struct bpf_sock *sk)
{
	struct sock_common *other = (struct sock_common *)bpf_skc_to_tcp_sock(sk);

	return shares_port(ctx) && other && BPF_CORE_READ_BITFIELD_PROBED(other, skc_reuseport);
}

/* Beside one that was bound to every address: where that stands the kernel decides; one more of the same set that is bound so,
 * too, stands where it does; of datagrams one at an address goes first, where both would share it. */
static __always_inline bool has_room(struct bpf_sock_addr *ctx, struct bpf_sock *sk, const struct address *at, bool own,
				     __u32 manner)
{
	struct face *face;

	if (stands_at(sk, at) || (own && manner != BY_ADDRESS))
		return true;
	face = face_of(sk);
	return own && ctx->protocol == IPPROTO_UDP && face && face->shares && shares_port(ctx);
}

/* `here`: it was looked for at the address itself. Lets go of the socket. */
static __always_inline enum service service_of(struct bpf_sock_addr *ctx, struct bpf_sock *sk, const struct address *at,
					       __u64 set, __u32 manner, bool here)
{
	enum service service = NO_SERVICE;
	struct rule *rule;
	bool own;

	if (!sk)
		return service;
	rule = rule_of(sk);
	own = rule && rule->own.id == set;
	if (rule && serves(sk, at->high, at->low))
		service = has_room(ctx, sk, at, own, manner) ? SHARED_SERVICE : FULL_SERVICE;
	else if (here && manner == AS_FURTHER && ctx->protocol == IPPROTO_TCP)
		/* A listener that was there before would get nothing any more, as sk_lookup goes first. */
		service = own && shares_stream(ctx, sk) ? SHARED_SERVICE : FULL_SERVICE;
	bpf_sk_release(sk);
	return service;
}

static __always_inline enum service service_at(struct bpf_sock_addr *ctx, const struct address *stand, const struct address *at,
					       __u64 set, __u32 manner)
{
	if (!is_somewhere(stand))
		return NO_SERVICE;
	return service_of(ctx, find_at(ctx, ctx->protocol == IPPROTO_TCP, stand, ctx->user_port), at, set, manner,
			  is_same(stand, at));
}

/* Whether the very address is shared with a socket of another context: the kernel asks for the same user id at most, which the
 * users of two contexts may well have. */
static __always_inline bool is_shared_with_other(struct bpf_sock_addr *ctx, const struct address *at)
{
	struct rule *mine = rule_of(ctx->sk), *theirs;
	struct bpf_sock *sk;
	bool other;

	if (!shares_port(ctx))
		return false;
	sk = find_at(ctx, ctx->protocol == IPPROTO_TCP, at, ctx->user_port);
	if (!sk)
		return false;
	theirs = rule_of(sk);
	other = stands_at(sk, at) && (theirs ? theirs->loop : 0) != (mine ? mine->loop : 0);
	bpf_sk_release(sk);
	return other;
}

/* Whether one of `set`, 0 for none, can no more be bound there in that manner: by what sk_lookup finds there of TCP, or by what
 * stands where a note says. A global function, which the verifier goes through once. */
__noinline bool is_taken(struct bpf_sock_addr *ctx, const struct address *at, __u64 set, __u32 manner)
{
	__be16 port = ctx->user_port;
	__u32 protocol = ctx->protocol;
	struct place place = { .port = port, .protocol = protocol };
	enum service noted;
	struct stand stand;

	if (!at)
		return false;
	place.high = at->high;
	place.low = is_mapped(at->high, at->low) ? noted_low(at->low >> 32) : at->low;
	if (!port || (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) || is_elsewhere(ctx))
		return false;
	if (is_shared_with_other(ctx, at))
		return true;
	if (protocol == IPPROTO_TCP && (manner == AS_FURTHER || is_ever_entered()) &&
	    service_at(ctx, at, at, set, manner) == FULL_SERVICE)
		return true;
	stand = stand_of(&place);
	noted = service_at(ctx, &stand.noted, at, set, manner);
	/* What the note tells of has ended. */
	if (is_somewhere(&stand.noted) && noted == NO_SERVICE)
		bpf_map_delete_elem(&stands, &place);
	return noted == FULL_SERVICE || service_at(ctx, &stand.first, at, set, manner) == FULL_SERVICE ||
	       service_at(ctx, &stand.first4, at, set, manner) == FULL_SERVICE;
}

/* For a socket that is to serve all addresses of its set: one that is taken is enough. */
static __always_inline bool is_any_taken(struct bpf_sock_addr *ctx, struct rule *rule, const struct address *first, bool ip4,
					 bool ip6)
{
	for (__u32 at = 0; at < VS_MOST_ADDRESSES; at++) {
		if (at >= rule->own.count)
			break;
		if ((at < rule->own.count4 ? ip4 : ip6) &&
		    is_taken(ctx, &rule->own.list[at], rule->own.id,
			     is_same(&rule->own.list[at], first) ? AS_FIRST : AS_FURTHER))
			return true;
	}
	return false;
}

#endif

#endif
