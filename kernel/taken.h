/* Addresses that a socket on every address serves beside the one it stands on are taken, though the kernel's own check of
 * ports does not know it: whoever else binds to them gets EADDRINUSE, as beside any socket on every address.
 *
 * Without this a user could tie himself to a server's second address and be given what is meant for the server. */
#ifndef VS_TAKEN_H
#define VS_TAKEN_H

#include "stands.h"

#ifdef OWN_CGROUP

/* A socket on every address serves the first alone. */
static __always_inline bool is_taken(struct bpf_sock_addr *ctx, const struct address *at, __u64 set)
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

/* Whether the socket serves the address, and for another set than `set`. At the very address it stands on the kernel's own check
 * decides. */
enum service { NO_SERVICE, OWN_SERVICE, FOREIGN_SERVICE };

/* Lets go of the socket. */
static __always_inline enum service service_of(struct bpf_sock *sk, const struct address *at, __u64 set)
{
	enum service service = NO_SERVICE;
	struct rule *rule;

	if (!sk)
		return service;
	rule = rule_of(sk);
	if (rule && serves(sk, at->high, at->low))
		service = rule->own.id == set || stands_at(sk, at) ? OWN_SERVICE : FOREIGN_SERVICE;
	bpf_sk_release(sk);
	return service;
}

static __always_inline enum service service_at(struct bpf_sock_addr *ctx, const struct address *stand, const struct address *at,
					       __u64 set)
{
	if (!is_somewhere(stand))
		return NO_SERVICE;
	return service_of(find_at(ctx, ctx->protocol == IPPROTO_TCP, stand, ctx->user_port), at, set);
}

/* Whether another set than `set` has it; 0 is none: what sk_lookup finds there of TCP, or what stands where a note says. A global
 * function, which the verifier goes through once. */
__noinline bool is_taken(struct bpf_sock_addr *ctx, const struct address *at, __u64 set)
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
	if (!port || (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP))
		return false;
	if (protocol == IPPROTO_TCP && service_at(ctx, at, at, set) == FOREIGN_SERVICE)
		return true;
	if (is_elsewhere(ctx))
		return false;
	stand = stand_of(&place);
	noted = service_at(ctx, &stand.noted, at, set);
	/* What the note tells of has ended. */
	if (is_somewhere(&stand.noted) && noted == NO_SERVICE)
		bpf_map_delete_elem(&stands, &place);
	return noted == FOREIGN_SERVICE || service_at(ctx, &stand.first, at, set) == FOREIGN_SERVICE ||
	       service_at(ctx, &stand.first4, at, set) == FOREIGN_SERVICE;
}

/* For a socket that is to serve all addresses of its set: one that is taken is enough. */
static __always_inline bool is_any_taken(struct bpf_sock_addr *ctx, struct rule *rule, bool ip4, bool ip6)
{
	for (__u32 at = 0; at < VS_MOST_ADDRESSES; at++) {
		if (at >= rule->own.count)
			break;
		if ((at < rule->own.count4 ? ip4 : ip6) && is_taken(ctx, &rule->own.list[at], rule->own.id))
			return true;
	}
	return false;
}

#endif

#endif
