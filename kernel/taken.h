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

/* Whether the socket serves the address from where it stands, for a set that is not `set`; lets go of it. At the very
 * address it stands on the kernel's own check decides. */
static __always_inline bool serves_for_others(struct bpf_sock *sk, const struct address *at, __u64 set)
{
	struct rule *rule;
	struct face *face;
	bool result;

	if (!sk)
		return false;
	rule = rule_of(sk);
	face = face_of(sk);
	result = rule && rule->own.id != set && face && face->wildcard && !stands_at(sk, at);
	bpf_sk_release(sk);
	return result;
}

/* Whether another set than `set` has it; 0 is none: what sk_lookup finds there of TCP, or what stands where a note says. */
static __always_inline bool is_taken(struct bpf_sock_addr *ctx, const struct address *at, __u64 set)
{
	__be16 port = ctx->user_port;
	__u32 protocol = ctx->protocol;
	struct place place = { .high = at->high, .low = at->low, .port = port, .protocol = protocol };
	bool stream = protocol == IPPROTO_TCP;
	struct bpf_sock *sk;
	struct stand stand;

	if (is_mapped(at->high, at->low))
		place.low = noted_low(at->low >> 32);
	if (!port || (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP))
		return false;
	if (stream && serves_for_others(find_at(ctx, true, at, port), at, set))
		return true;
	if (is_elsewhere(ctx))
		return false;
	stand = stand_of(&place);
	if (is_somewhere(&stand.noted)) {
		sk = find_at(ctx, stream, &stand.noted, port);
		if (!sk)
			bpf_map_delete_elem(&stands, &place);
		else if (serves_for_others(sk, at, set))
			return true;
	}
	if (is_somewhere(&stand.first) && serves_for_others(find_at(ctx, stream, &stand.first, port), at, set))
		return true;
	return is_somewhere(&stand.first4) && serves_for_others(find_at(ctx, stream, &stand.first4, port), at, set);
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
