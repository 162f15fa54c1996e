/* Look-ups of listeners: what listener.h has entered is found at every own address, and nothing else at a context's loopback or
 * behind a fence. Established traffic is not looked up. */
#ifndef VS_LOOKUP_H
#define VS_LOOKUP_H

#include "listener.h"

#define LOOPBACK_DEVICE 1

/* SO_BINDTODEVICE counts for further addresses, too. */
static __always_inline bool serves_device(struct bpf_sock *sk, __u32 device)
{
	/* No device: it is no packet, taken.h asks. */
	return !sk->bound_dev_if || !device || sk->bound_dev_if == device;
}

static __always_inline bool steer_to(struct bpf_sk_lookup *ctx, struct listener_key *key)
{
	struct bpf_sock *sk = bpf_map_lookup_elem(&listeners, key);
	bool given;

	if (!sk)
		return false;
	given = serves_device(sk, ctx->ingress_ifindex) && !bpf_sk_assign(ctx, sk, 0);
	bpf_sk_release(sk);
	return given;
}

static __always_inline bool is_loop(struct bpf_sk_lookup *ctx, struct listener_key *key)
{
	return ctx->family == AF_INET ? is_foreign_loop(ctx->local_ip4, 0) :
					is_foreign_loop6(key->high, key->low, 0);
}

/* Whether somebody else speaks to a context's loopback. TCP comes from that loopback itself, which only the context's
 * sockets are given, or from an address of its server that the socket was bound to; IPv6 could come from another machine, too. */
static __always_inline bool is_stray(struct bpf_sk_lookup *ctx, struct listener_key *key)
{
	__u32 first, third;

	/* No device: it is no packet, taken.h asks. */
	if (ctx->ingress_ifindex && ctx->ingress_ifindex != LOOPBACK_DEVICE)
		return true;
	if (ctx->protocol != IPPROTO_TCP)
		return false;
	if (ctx->family == AF_INET)
		return is_stray4(ctx->remote_ip4, ctx->local_ip4);
	first = ctx->remote_ip6[0];
	SEPARATE(first);
	third = ctx->remote_ip6[2];
	SEPARATE(third);
	return is_stray6(joined(first, ctx->remote_ip6[1]), joined(third, ctx->remote_ip6[3]), key->low);
}

/* Whether a listener that was never bound, and cannot be entered, serves the address. */
static __always_inline bool is_served_unbound(struct bpf_sk_lookup *ctx, struct listener_key *key)
{
	struct fence_key at = { .family = ctx->family, .port = ctx->local_port };
	struct rule *rule = bpf_map_lookup_elem(&unbound, &at);

	return rule && (has_address(&rule->own, key->high, key->low) || is_own_loop(rule, key->high, key->low));
}

static __always_inline bool is_fenced(struct bpf_sk_lookup *ctx, struct listener_key *key)
{
	struct fence_key at = { .family = ctx->family, .port = ctx->local_port };
	__u32 *where = bpf_map_lookup_elem(&fences, &at);

	if (!where)
		return false;
	if (*where == FENCE_EVERYWHERE)
		return !is_served_unbound(ctx, key);
	return !key->high && key->low == (ctx->family == AF_INET ? mapped(LOOPBACK) : LOOPBACK6_LOW);
}

/* On a context's loopback is nothing of what listens on every address of the main server. */
static __always_inline bool is_empty(struct bpf_sk_lookup *ctx, struct listener_key *key)
{
	return !bpf_map_lookup_elem(&standing, key) && !is_served_unbound(ctx, key);
}

SEC("sk_lookup")
int vs_sk_lookup(struct bpf_sk_lookup *ctx)
{
	struct listener_key key = { .port = ctx->local_port };
	bool loop;

	if (ctx->family == AF_INET) {
		key.low = mapped(ctx->local_ip4);
	} else {
		__u32 first = ctx->local_ip6[0], third = ctx->local_ip6[2];

		SEPARATE(first);
		SEPARATE(third);
		key.high = joined(first, ctx->local_ip6[1]);
		key.low = joined(third, ctx->local_ip6[3]);
	}
	loop = is_loop(ctx, &key);
	if (loop && is_stray(ctx, &key))
		return SK_DROP;
	if (ctx->protocol != IPPROTO_TCP || steer_to(ctx, &key))
		return SK_PASS;
	if (loop && ctx->family == AF_INET) {
		/* Who serves all of a loopback is entered under its network. */
		struct listener_key net = { .low = mapped(ctx->local_ip4 & LOOP_NET), .port = key.port };

		if (steer_to(ctx, &net))
			return SK_PASS;
	}
	return (loop ? is_empty(ctx, &key) : is_fenced(ctx, &key)) ? SK_DROP : SK_PASS;
}

#endif
