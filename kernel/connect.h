/* Speaking: connections and datagrams come from the task's own addresses, 127.0.0.0/8 and ::1 mean its own loopback.
 *
 * The source is the own address whose network holds the destination, else the first of the family. An address that the
 * socket is bound to, or that IP_PKTINFO asks for, is taken when it is the task's own; its own loopback only towards itself
 * and its own addresses, for to others it would look like theirs (EINVAL, as the kernel says of 127.0.0.1). A family the set has no address of
 * answers ENETUNREACH. */
#ifndef VS_CONNECT_H
#define VS_CONNECT_H

#include "rule.h"

/* The destination `asked` really means. */
static __always_inline __u32 destination4(struct rule *rule, __u32 asked)
{
	if (rule->loop && !asked)
		return loopback_of(rule->loop);
	return means_own_loop(rule, asked) ? own_loop_for(rule, asked) : asked;
}

static __always_inline bool is_own_loop4(struct rule *rule, __u32 ip4)
{
	return rule->loop && (ip4 & LOOP_NET) == loop_net(rule->loop);
}

/* TCP to the own loopback speaks from it, so that the peer, too, reads 127.0.0.1. */
static __always_inline __u32 source4(struct bpf_sock_addr *ctx, struct rule *rule, __u32 destination)
{
	const struct address *own;

	if (is_own_loop4(rule, destination) && ctx->protocol == IPPROTO_TCP)
		return loopback_of(rule->loop);
	own = source_for(&rule->own, true, 0, mapped(destination));
	return own ? own->low >> 32 : 0;
}

/* Whether the task may speak to `destination` from `source`. */
static __always_inline bool is_own_source4(struct rule *rule, __u32 source, __u32 destination)
{
	if (is_own_loop4(rule, source))
		return is_own_loop4(rule, destination) || has_ip4(&rule->own, destination);
	return has_ip4(&rule->own, source);
}

/* What a socket is told that stands on an address it may not speak from. */
static __always_inline int refuse_source4(struct rule *rule, __u32 bound)
{
	return refuse(is_own_loop4(rule, bound) ? -EINVAL : -EADDRNOTAVAIL);
}

/* A datagram socket that speaks to its own loopback is shown 127.0.0.1 as its peer. */
static __always_inline void note_loopback(struct bpf_sock_addr *ctx, struct rule *rule)
{
	make_face(ctx->sk, rule->loop);
}

/* Gives the socket that connects its source. An IPv6 one may be told an IPv4 address as well, by connect4 or by connect6. */
static __always_inline int speak_from4(struct bpf_sock_addr *ctx, __u32 ip4)
{
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_addr.s_addr = ip4 };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	long error;

	if (ctx->sk->family == AF_INET6) {
		six.sin6_addr.in6_u.u6_addr32[2] = V4MAPPED;
		six.sin6_addr.in6_u.u6_addr32[3] = ip4;
		error = bpf_bind(ctx, (struct sockaddr *)&six, sizeof(six));
	} else {
		error = bpf_bind(ctx, (struct sockaddr *)&four, sizeof(four));
	}
	return error ? refuse(-EADDRNOTAVAIL) : CGROUP_ALLOW;
}

SEC("cgroup/connect4")
int vs_connect4(struct bpf_sock_addr *ctx)
{
	struct rule *rule = rule_of(ctx->sk);
	__u32 asked = ctx->user_ip4, destination, bound;

	if (!rule)
		return strays_to_loop(ctx, asked) ? refuse(-ECONNREFUSED) : CGROUP_ALLOW;
	if (is_foreign_loop(asked, rule->loop))
		return refuse(-ECONNREFUSED);
	destination = destination4(rule, asked);
	if (!has_family4(&rule->own))
		return refuse(-ENETUNREACH);
	if (destination != asked)
		note_loopback(ctx, rule);
	ctx->user_ip4 = destination;
	bound = ctx->sk->src_ip4;
	if (bound)
		return is_own_source4(rule, bound, destination) ? CGROUP_ALLOW : refuse_source4(rule, bound);
	return speak_from4(ctx, source4(ctx, rule, destination));
}

/* A v4-mapped destination: the same in an IPv6 socket's words. */
static __always_inline int connect_mapped(struct bpf_sock_addr *ctx, struct rule *rule, __u32 asked)
{
	__u32 destination = destination4(rule, asked), bound = ctx->sk->src_ip6[3];

	if (is_foreign_loop(asked, rule->loop))
		return refuse(-ECONNREFUSED);
	if (!has_family4(&rule->own))
		return refuse(-ENETUNREACH);
	if (destination != asked)
		note_loopback(ctx, rule);
	ctx->user_ip6[3] = destination;
	if (bound)
		return is_own_source4(rule, bound, destination) ? CGROUP_ALLOW : refuse_source4(rule, bound);
	return speak_from4(ctx, source4(ctx, rule, destination));
}

static __always_inline __u64 bound_high(struct bpf_sock *sk)
{
	__u32 first = sk->src_ip6[0];

	SEPARATE(first);
	return joined(first, sk->src_ip6[1]);
}

static __always_inline __u64 bound_low(struct bpf_sock *sk)
{
	__u32 third = sk->src_ip6[2];

	SEPARATE(third);
	return joined(third, sk->src_ip6[3]);
}

static __always_inline bool is_any_loopback6(__u64 high, __u64 low)
{
	return !high && (!low || low == LOOPBACK6_LOW);
}

static __always_inline bool is_own_loop6(struct rule *rule, __u64 high, __u64 low)
{
	return rule->loop && high == VS_LOOPBACK6 && low == loopback6_low(rule->loop);
}

/* Not an IPv4 one, on which a socket of both families stands. */
static __always_inline bool is_own_source6(struct rule *rule, __u64 high, __u64 low, struct address to)
{
	if (is_mapped(high, low))
		return false;
	if (is_own_loop6(rule, high, low))
		return is_own_loop6(rule, to.high, to.low) || has_address(&rule->own, to.high, to.low);
	return has_address(&rule->own, high, low);
}

static __always_inline int refuse_source6(struct rule *rule, __u64 high, __u64 low)
{
	return refuse(is_own_loop6(rule, high, low) ? -EINVAL : -EADDRNOTAVAIL);
}

/* The link of the destination, which a link-local source needs to be told. */
static __always_inline __u32 link_of(struct bpf_sock_addr *ctx)
{
	struct bpf_sock_addr_kern *whole = bpf_cast_to_kern_ctx(ctx);
	struct sockaddr_in6 asked = {};

	bpf_probe_read_kernel(&asked, sizeof(asked), BPF_CORE_READ(whole, uaddr));
	return asked.sin6_scope_id;
}

SEC("cgroup/connect6")
int vs_connect6(struct bpf_sock_addr *ctx)
{
	struct sockaddr_in6 source = { .sin6_family = AF_INET6 };
	__u64 high = high_of(ctx), low = low_of(ctx);
	struct rule *rule = rule_of(ctx->sk);
	const struct address *own;
	struct address bound;

	if (!rule)
		return strays_to_loop6(ctx, high, low) || (is_mapped(high, low) && strays_to_loop(ctx, low >> 32)) ?
			       refuse(-ECONNREFUSED) :
			       CGROUP_ALLOW;
	if (is_mapped(high, low))
		return connect_mapped(ctx, rule, low >> 32);
	if (!has_family6(&rule->own))
		return refuse(is_any_loopback6(high, low) ? -ECONNREFUSED : -ENETUNREACH);
	if (is_foreign_loop6(high, low, rule->loop))
		return refuse(-ECONNREFUSED);
	if (rule->loop && is_any_loopback6(high, low)) {
		high = VS_LOOPBACK6;
		low = loopback6_low(rule->loop);
		set_ip6(ctx, high, low);
		note_loopback(ctx, rule);
	}
	bound.high = bound_high(ctx->sk);
	bound.low = bound_low(ctx->sk);
	if (bound.high || bound.low)
		return is_own_source6(rule, bound.high, bound.low, (struct address){ high, low }) ?
			       CGROUP_ALLOW :
			       refuse_source6(rule, bound.high, bound.low);
	if (rule->loop && high == VS_LOOPBACK6 && ctx->protocol == IPPROTO_TCP) {
		__builtin_memcpy(&source.sin6_addr, &high, 8);
		__builtin_memcpy((void *)&source.sin6_addr + 8, &low, 8);
	} else {
		own = source_for(&rule->own, false, high, low);
		if (!own)
			return refuse(-ENETUNREACH);
		__builtin_memcpy(&source.sin6_addr, own, 16);
		if (is_link_local(own))
			source.sin6_scope_id = link_of(ctx);
	}
	return bpf_bind(ctx, (struct sockaddr *)&source, sizeof(source)) ? refuse(-EADDRNOTAVAIL) : CGROUP_ALLOW;
}

SEC("cgroup/sendmsg4")
int vs_sendmsg4(struct bpf_sock_addr *ctx)
{
	struct rule *rule = rule_of(ctx->sk);
	__u32 asked = ctx->user_ip4, destination, bound;

	if (!rule)
		return strays_to_loop(ctx, asked) ? refuse(-ECONNREFUSED) : CGROUP_ALLOW;
	destination = destination4(rule, asked);
	if (is_foreign_loop(asked, rule->loop))
		return refuse(-ECONNREFUSED);
	if (!has_family4(&rule->own))
		return refuse(-ENETUNREACH);
	if (destination != asked)
		note_loopback(ctx, rule);
	ctx->user_ip4 = destination;
	/* What IP_PKTINFO asks for, then what the socket is bound to; a connected one names no destination here. */
	if (is_own_source4(rule, ctx->msg_src_ip4, destination))
		return CGROUP_ALLOW;
	bound = ctx->sk->src_ip4;
	if (is_own_source4(rule, bound, destination))
		ctx->msg_src_ip4 = bound;
	else if (is_own_loop4(rule, bound))
		return refuse(-EINVAL);
	else
		ctx->msg_src_ip4 = source4(ctx, rule, destination);
	return CGROUP_ALLOW;
}

SEC("cgroup/sendmsg6")
int vs_sendmsg6(struct bpf_sock_addr *ctx)
{
	__u64 high = high_of(ctx), low = low_of(ctx), source_high, source_low;
	struct rule *rule = rule_of(ctx->sk);
	const struct address *own;
	struct address to;
	__u32 first, third;

	if (!rule)
		return strays_to_loop6(ctx, high, low) ? refuse(-ECONNREFUSED) : CGROUP_ALLOW;
	/* A v4-mapped destination goes on to sendmsg4. */
	if (is_mapped(high, low))
		return CGROUP_ALLOW;
	if (!has_family6(&rule->own))
		return refuse(-ENETUNREACH);
	if (is_foreign_loop6(high, low, rule->loop))
		return refuse(-ECONNREFUSED);
	if (rule->loop && is_any_loopback6(high, low)) {
		high = VS_LOOPBACK6;
		low = loopback6_low(rule->loop);
		set_ip6(ctx, high, low);
		note_loopback(ctx, rule);
	}
	to.high = high;
	to.low = low;
	first = ctx->msg_src_ip6[0];
	SEPARATE(first);
	source_high = joined(first, ctx->msg_src_ip6[1]);
	third = ctx->msg_src_ip6[2];
	SEPARATE(third);
	source_low = joined(third, ctx->msg_src_ip6[3]);
	if (is_own_source6(rule, source_high, source_low, to))
		return CGROUP_ALLOW;
	source_high = bound_high(ctx->sk);
	source_low = bound_low(ctx->sk);
	if (!is_own_source6(rule, source_high, source_low, to)) {
		if (is_own_loop6(rule, source_high, source_low))
			return refuse(-EINVAL);
		own = source_for(&rule->own, false, high, low);
		if (!own)
			return refuse(-ENETUNREACH);
		source_high = own->high;
		source_low = own->low;
	}
	first = source_high >> 32;
	third = source_low >> 32;
	ctx->msg_src_ip6[0] = (__u32)source_high;
	SEPARATE(first);
	ctx->msg_src_ip6[1] = first;
	ctx->msg_src_ip6[2] = (__u32)source_low;
	SEPARATE(third);
	ctx->msg_src_ip6[3] = third;
	return CGROUP_ALLOW;
}

#endif
