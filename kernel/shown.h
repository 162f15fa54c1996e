/* What a socket is told about addresses: its loopback is 127.0.0.0/24 or ::1, its hidden port is the one it asked for. */
#ifndef VS_SHOWN_H
#define VS_SHOWN_H

#include "rule.h"

static __always_inline __u32 shown_loop(__u32 ip4)
{
	return loop_net(0) | (ip4 & ~LOOP_NET);
}

static __always_inline int show4(struct bpf_sock_addr *ctx)
{
	struct face *face = face_of(ctx->sk);

	__u32 ip4 = ctx->user_ip4;

	if (face && face->loop && (ip4 & LOOP_NET) == loop_net(face->loop))
		ctx->user_ip4 = shown_loop(ip4);
	return CGROUP_ALLOW;
}

static __always_inline int show6(struct bpf_sock_addr *ctx)
{
	struct face *face = face_of(ctx->sk);
	__u64 high = high_of(ctx), low = low_of(ctx);

	if (!face || !face->loop)
		return CGROUP_ALLOW;
	if (is_in_loop_net(face->loop, high, low))
		ctx->user_ip6[3] = shown_loop(low >> 32);
	else if (high == VS_LOOPBACK6 && low == loopback6_low(face->loop))
		set_ip6(ctx, 0, LOOPBACK6_LOW);
	return CGROUP_ALLOW;
}

/* Without a loopback of its own there is none to be shown as another: accept() need not ask. */
#ifndef OWN_CGROUP

SEC("cgroup/recvmsg4")
int vs_recvmsg4(struct bpf_sock_addr *ctx)
{
	return show4(ctx);
}

SEC("cgroup/recvmsg6")
int vs_recvmsg6(struct bpf_sock_addr *ctx)
{
	return show6(ctx);
}

SEC("cgroup/getpeername4")
int vs_getpeername4(struct bpf_sock_addr *ctx)
{
	return show4(ctx);
}

SEC("cgroup/getpeername6")
int vs_getpeername6(struct bpf_sock_addr *ctx)
{
	return show6(ctx);
}

#endif

SEC("cgroup/getsockname4")
int vs_getsockname4(struct bpf_sock_addr *ctx)
{
	struct face *face = face_of(ctx->sk);

	if (face && face->hidden && ctx->user_ip4 == LOOPBACK) {
		ctx->user_port = face->hidden_port;
		ctx->user_ip4 = 0;
	}
	return show4(ctx);
}

SEC("cgroup/getsockname6")
int vs_getsockname6(struct bpf_sock_addr *ctx)
{
	struct face *face = face_of(ctx->sk);

	if (face && face->hidden && !high_of(ctx) && low_of(ctx) == LOOPBACK6_LOW) {
		ctx->user_port = face->hidden_port;
		set_ip6(ctx, 0, 0);
	}
	return show6(ctx);
}

#endif
