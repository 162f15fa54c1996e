/* Binding: to any address -> the task's own; to another -> EADDRNOTAVAIL.
 *
 * Of several addresses a wildcard bind gets the first; listener.h and steer.h bring what comes for the others. A family
 * the set has no address of is out of reach: the bind succeeds on a free port of the loopback that listener.h fences, so
 * that configurations with a line for each family (nginx, sshd) start, and the socket believes to have what it asked.
 * Nobody binds to the loopback of another context, tied or not, nor to what another's wildcard socket serves (taken.h). */
#ifndef VS_BIND_H
#define VS_BIND_H

#include "taken.h"

#ifdef OWN_CGROUP

/* It serves the first alone: there is nothing to note. */
static __always_inline int bind_wildcard(struct bpf_sock_addr *ctx, struct rule *rule, struct address first, bool ip4,
					 bool ip6)
{
	return CGROUP_ALLOW;
}

#else

static __always_inline int bind_wildcard(struct bpf_sock_addr *ctx, struct rule *rule, struct address first, bool ip4,
					 bool ip6)
{
	struct face *face;

	if (is_any_taken(ctx, rule, &first, ip4, ip6))
		return refuse(-EADDRINUSE);
	face = make_face(ctx->sk, rule->loop);
	if (!face)
		return refuse(-ENOMEM);
	face->wildcard = 1;
	face->shares = ctx->protocol == IPPROTO_UDP && shares_port(ctx);
	offer_datagrams(ctx, rule, first, ip4, ip6);
	return CGROUP_ALLOW;
}

#endif

/* What an earlier bind, which the kernel refused, has left does not count. One that is bound already is refused by the kernel,
 * and stays what it is. */
static __always_inline int begin_bind(struct bpf_sock_addr *ctx)
{
	struct face *face = face_of(ctx->sk), *of_connection = face_of_connection(ctx->sk, 0);

	if (ctx->sk->src_port)
		return -EINVAL;
	if (face)
		face->hidden = face->hidden_port = face->wildcard = 0;
	if (of_connection)
		of_connection->hidden = of_connection->hidden_port = of_connection->wildcard = 0;
	return 0;
}

static __always_inline void note_hidden(struct face *face, __u32 port)
{
	face->hidden = 1;
	face->hidden_port = port;
}

static __always_inline int hide(struct bpf_sock_addr *ctx, struct rule *rule)
{
	struct face *face = make_face(ctx->sk, rule->loop), *of_connection = face_of_connection(ctx->sk, 0);

	if (!face)
		return refuse(-ENOMEM);
	note_hidden(face, ctx->user_port);
	if (of_connection)
		note_hidden(of_connection, ctx->user_port);
	ctx->user_port = 0;
	return CGROUP_ALLOW;
}

static __always_inline int hide4(struct bpf_sock_addr *ctx, struct rule *rule)
{
	ctx->user_ip4 = LOOPBACK;
	return hide(ctx, rule);
}

static __always_inline int hide6(struct bpf_sock_addr *ctx, struct rule *rule)
{
	set_ip6(ctx, 0, LOOPBACK6_LOW);
	return hide(ctx, rule);
}

static __always_inline int check_bind4(struct bpf_sock_addr *ctx, struct rule *rule, __u32 asked)
{
	bool broadcast = asked && asked == rule->own.broadcast && ctx->protocol == IPPROTO_UDP;
	struct address at = { .low = mapped(asked) };

	if (is_group4(asked))
		return 0;
	if (!has_ip4(&rule->own, asked) && !broadcast)
		return -EADDRNOTAVAIL;
	return is_taken(ctx, &at, rule->own.id, BY_ADDRESS) ? -EADDRINUSE : 0;
}

/* What is not tied keeps off loopbacks and ports of what is. */
static __always_inline int check_untied(struct bpf_sock_addr *ctx, struct address at)
{
	if (is_mapped(at.high, at.low) ? strays_to_loop(ctx, at.low >> 32) : strays_to_loop6(ctx, at.high, at.low))
		return refuse(-EADDRNOTAVAIL);
	return is_taken(ctx, &at, 0, BY_ADDRESS) ? refuse(-EADDRINUSE) : CGROUP_ALLOW;
}

static __always_inline int answer(int error)
{
	return error ? refuse(error) : CGROUP_ALLOW;
}

/* The own loopback, unless a socket on every address serves it already. */
static __always_inline int bind_loopback(struct bpf_sock_addr *ctx, struct rule *rule, const struct address *at)
{
	if (is_taken(ctx, at, rule->own.id, BY_ADDRESS))
		return refuse(-EADDRINUSE);
	return make_face(ctx->sk, rule->loop) ? CGROUP_ALLOW : refuse(-ENOMEM);
}

SEC("cgroup/bind4")
int vs_bind4(struct bpf_sock_addr *ctx)
{
	struct rule *rule = rule_of(ctx->sk);
	__u32 asked = ctx->user_ip4;
	struct address at = {};
	int error;

	if (!rule)
		return asked ? check_untied(ctx, (struct address){ .low = mapped(asked) }) : CGROUP_ALLOW;
	error = begin_bind(ctx);
	if (error)
		return refuse(error);
	if (!asked) {
		if (!has_family4(&rule->own))
			return hide4(ctx, rule);
		ctx->user_ip4 = first_ip4(&rule->own);
		return bind_wildcard(ctx, rule, rule->own.list[0], true, false);
	}
	if (means_own_loop(rule, asked)) {
		ctx->user_ip4 = own_loop_for(rule, asked);
		at.low = mapped(own_loop_for(rule, asked));
		return bind_loopback(ctx, rule, &at);
	}
	return answer(check_bind4(ctx, rule, asked));
}

static __always_inline bool is_v6only(struct bpf_sock *sk)
{
	struct sock_common *common = (struct sock_common *)bpf_skc_to_tcp6_sock(sk);

	if (!common)
		common = (struct sock_common *)bpf_skc_to_udp6_sock(sk);
	return common && BPF_CORE_READ_BITFIELD_PROBED(common, skc_ipv6only);
}

static __always_inline int bind_any6(struct bpf_sock_addr *ctx, struct rule *rule)
{
	bool only = is_v6only(ctx->sk);
	__u32 first = only || !has_family4(&rule->own) ? rule->own.count4 : 0;

	if (first >= rule->own.count || first >= VS_MOST_ADDRESSES || is_link_local(&rule->own.list[first]))
		return hide6(ctx, rule);
	set_ip6(ctx, rule->own.list[first].high, rule->own.list[first].low);
	return bind_wildcard(ctx, rule, rule->own.list[first], !only, true);
}

static __always_inline int bind_loopback6(struct bpf_sock_addr *ctx, struct rule *rule)
{
	struct address at = { .high = VS_LOOPBACK6, .low = loopback6_low(rule->loop) };

	if (!has_family6(&rule->own))
		return hide6(ctx, rule);
	if (!rule->loop)
		return refuse(-EADDRNOTAVAIL);
	set_ip6(ctx, at.high, at.low);
	return bind_loopback(ctx, rule, &at);
}

/* An IPv4 address in an IPv6 socket's words. */
static __always_inline int bind_mapped(struct bpf_sock_addr *ctx, struct rule *rule, __u32 asked)
{
	__u32 ip4 = asked;
	int error;

	if (!has_family4(&rule->own))
		return refuse(-EADDRNOTAVAIL);
	if (means_own_loop(rule, asked)) {
		struct address at = { .low = mapped(own_loop_for(rule, asked)) };

		set_ip6(ctx, at.high, at.low);
		return bind_loopback(ctx, rule, &at);
	} else if (asked) {
		error = check_bind4(ctx, rule, asked);
		if (error)
			return refuse(error);
	} else {
		ip4 = first_ip4(&rule->own);
	}
	set_ip6(ctx, 0, mapped(ip4));
	return asked ? CGROUP_ALLOW : bind_wildcard(ctx, rule, rule->own.list[0], true, false);
}

SEC("cgroup/bind6")
int vs_bind6(struct bpf_sock_addr *ctx)
{
	struct rule *rule = rule_of(ctx->sk);
	struct address at = { .high = high_of(ctx), .low = low_of(ctx) };
	int error;

	if (!rule)
		return at.high || at.low ? check_untied(ctx, at) : CGROUP_ALLOW;
	error = begin_bind(ctx);
	if (error)
		return refuse(error);
	if (is_mapped(at.high, at.low))
		return bind_mapped(ctx, rule, at.low >> 32);
	if (!at.high && !at.low)
		return bind_any6(ctx, rule);
	if (has_address(&rule->own, at.high, at.low))
		return answer(is_taken(ctx, &at, rule->own.id, BY_ADDRESS) ? -EADDRINUSE : 0);
	if (!at.high && at.low == LOOPBACK6_LOW)
		return bind_loopback6(ctx, rule);
	return is_group6(at.high) && has_family6(&rule->own) ? CGROUP_ALLOW : refuse(-EADDRNOTAVAIL);
}

#endif
