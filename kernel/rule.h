/* What a socket may bind to and speak from: the addresses of the task that uses it, where the cgroup hooks can read them.
 *
 * bind4 and its like may not read task storage on 6.12, so LSM hooks copy the task's set to the socket first (sockets.h). A
 * context with the loopback flag has a 127.0.0.0/8 and a ::1 of its own: 127.(id / 256).(id % 256).0/24 and VS_LOOPBACK6::id,
 * shown to it as 127.0.0.0/24 and ::1. Nothing is enforced here: bind.h and connect.h do.
 *
 * With OWN_CGROUP this is a part of an object of its own, for servers on a kernel without BPF LSM: the set then comes
 * from the server's control group. */
#ifndef VS_RULE_H
#define VS_RULE_H

#include "group.h"
#ifndef OWN_CGROUP
#include "task.h"
#endif

#define AF_INET 2
#define AF_INET6 10
#define LOOPBACK bpf_htonl(0x7f000001)
#define LOOPBACK6_LOW bpf_cpu_to_be64(1)
#define CGROUP_ALLOW 1

struct rule {
	__u32 loop; /* the context whose loopback it has, or 0 */
	struct addresses own;
};

/* How a socket's addresses are shown. Accepted ones have it only where that matters: of a loopback (listener.h). */
struct face {
	__u32 loop;
	__u16 hidden_port; /* network order: the port of a bind that was put out of reach */
	__u8 hidden;
	__u8 wildcard; /* it was bound to every address */
	__u8 shares; /* of datagram sockets: as shares_port says */
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct rule);
} rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct face);
} faces SEC(".maps");

static __always_inline struct face *face_of(struct bpf_sock *sk)
{
	return sk ? bpf_sk_storage_get(&faces, sk, 0, 0) : 0;
}

/* Of MPTCP it is the connection that is asked for its addresses, and a path of it that binds, connects and accepts. */
static __always_inline struct face *face_of_connection(struct bpf_sock *sk, __u64 flags)
{
	struct mptcp_sock *connection = sk->protocol == IPPROTO_TCP ? bpf_skc_to_mptcp_sock(sk) : 0;

	return connection ? bpf_sk_storage_get(&faces, connection, 0, flags) : 0;
}

static __always_inline struct face *make_face(struct bpf_sock *sk, __u32 loop)
{
	struct face *of_connection = face_of_connection(sk, BPF_LOCAL_STORAGE_GET_F_CREATE);
	struct face *face = bpf_sk_storage_get(&faces, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (of_connection)
		of_connection->loop = loop;
	if (face)
		face->loop = loop;
	return face;
}

static __always_inline __u32 loopback_of(__u32 xid)
{
	return loop_net(xid) | bpf_htonl(1);
}

static __always_inline __u64 loopback6_low(__u32 xid)
{
	return bpf_cpu_to_be64(xid);
}

#ifdef OWN_CGROUP

static __always_inline struct rule *rule_of(struct bpf_sock *sk)
{
	struct group *group = own_group();
	struct rule *rule;

	if (!sk || !group || !group->own.count)
		return 0;
	rule = bpf_sk_storage_get(&rules, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!rule)
		return 0;
	if (rule->own.id != group->own.id) {
		rule->own = group->own;
		rule->loop = group->loop;
	}
	return rule;
}

static __always_inline bool is_loop_of_other(__u32 xid, __u32 mine)
{
	return false;
}

#else

static __always_inline bool has_loopback(__u32 xid)
{
	struct record *record = record_at(xid);

	return record && record_refs(record) && record->flags & VS_FLAG_LOOPBACK;
}

/* A further path of an MPTCP connection, which the kernel opens on its own, has the rule of the connection: the main server's
 * addresses may be registered as ends of such paths. */
static __always_inline struct rule *rule_of(struct bpf_sock *sk)
{
	struct rule *rule = sk ? bpf_sk_storage_get(&rules, sk, 0, 0) : 0;
	struct mptcp_sock *connection;

	if (!sk || rule || sk->protocol != IPPROTO_TCP)
		return rule && rule->own.count ? rule : 0;
	connection = bpf_skc_to_mptcp_sock(sk);
	if (connection)
		rule = bpf_sk_storage_get(&rules, connection, 0, 0);
	return rule && rule->own.count ? rule : 0;
}

/* A loopback address that belongs to a context other than `mine`. */
static __always_inline bool is_loop_of_other(__u32 xid, __u32 mine)
{
	return xid >= VS_FIRST_GUEST && xid != mine && has_loopback(xid);
}

#endif

static __always_inline bool is_own_loop(struct rule *rule, __u64 high, __u64 low)
{
	if (!rule->loop)
		return false;
	return high == VS_LOOPBACK6 ? low == loopback6_low(rule->loop) : is_in_loop_net(rule->loop, high, low);
}

static __always_inline bool is_loopback(__u32 ip4)
{
	return (ip4 & bpf_htonl(0xff000000)) == bpf_htonl(0x7f000000);
}

/* The id in 127.A.B.N, whether there is such a context or not. */
static __always_inline __u32 id_in_loopback(__u32 ip4)
{
	return bpf_ntohl(ip4) >> 8 & 0xffff;
}

/* Whether 127.A.B.N or VS_LOOPBACK6::id is the loopback of another context: nobody but that context reaches it. */
static __always_inline bool is_foreign_loop(__u32 ip4, __u32 mine)
{
	return is_loopback(ip4) && is_loop_of_other(id_in_loopback(ip4), mine);
}

/* In a network namespace of its own, where nobody else's loopback is. */
static __always_inline bool is_elsewhere(void *ctx)
{
	return bpf_get_netns_cookie(ctx) != bpf_get_netns_cookie(0);
}

/* Whether a caller that is not tied means the loopback of a context. */
static __always_inline bool strays_to_loop(struct bpf_sock_addr *ctx, __u32 ip4)
{
	return is_foreign_loop(ip4, 0) && !is_elsewhere(ctx);
}

/* As on any machine the whole of 127.0.0.0/8 is its loopback, but for addresses it has been given. */
static __always_inline bool means_own_loop(struct rule *rule, __u32 ip4)
{
	return rule->loop && is_loopback(ip4) && !has_ip4(&rule->own, ip4) && !is_foreign_loop(ip4, rule->loop);
}

/* What it is there: the last byte stays. */
static __always_inline __u32 own_loop_for(struct rule *rule, __u32 ip4)
{
	return loop_net(rule->loop) | (ip4 & ~LOOP_NET);
}

static __always_inline bool is_foreign_loop6(__u64 high, __u64 low, __u32 mine)
{
	return high == VS_LOOPBACK6 && is_loop_of_other(bpf_be64_to_cpu(low), mine);
}

static __always_inline bool strays_to_loop6(struct bpf_sock_addr *ctx, __u64 high, __u64 low)
{
	return is_foreign_loop6(high, low, 0) && !is_elsewhere(ctx);
}

/* Whether the socket that is being bound shares its address and port with others that do: with SO_REUSEPORT, and datagram
 * sockets also with SO_REUSEADDR. */
static __always_inline bool shares_port(struct bpf_sock_addr *ctx)
{
	struct bpf_sock_addr_kern *whole = bpf_cast_to_kern_ctx(ctx);
	struct sock_common *common = (struct sock_common *)BPF_CORE_READ(whole, sk);

	if (BPF_CORE_READ_BITFIELD_PROBED(common, skc_reuseport))
		return true;
	return ctx->protocol != IPPROTO_TCP && BPF_CORE_READ_BITFIELD_PROBED(common, skc_reuse);
}

static __always_inline int refuse(int error)
{
	bpf_set_retval(error);
	return 0;
}

static __always_inline __u64 high_of(struct bpf_sock_addr *ctx)
{
	__u32 first = ctx->user_ip6[0];

	SEPARATE(first);
	return joined(first, ctx->user_ip6[1]);
}

static __always_inline __u64 low_of(struct bpf_sock_addr *ctx)
{
	__u32 third = ctx->user_ip6[2];

	SEPARATE(third);
	return joined(third, ctx->user_ip6[3]);
}

static __always_inline void set_ip6(struct bpf_sock_addr *ctx, __u64 high, __u64 low)
{
	__u32 second = high >> 32, fourth = low >> 32;

	ctx->user_ip6[0] = (__u32)high;
	SEPARATE(second);
	ctx->user_ip6[1] = second;
	ctx->user_ip6[2] = (__u32)low;
	SEPARATE(fourth);
	ctx->user_ip6[3] = fourth;
}

static __always_inline bool is_mapped(__u64 high, __u64 low)
{
	return !high && (__u32)low == V4MAPPED;
}

static __always_inline bool is_group4(__u32 ip4)
{
	return (ip4 & bpf_htonl(0xf0000000)) == bpf_htonl(0xe0000000) || ip4 == 0xffffffffu;
}

static __always_inline bool is_group6(__u64 high)
{
	return (high & 0xff) == 0xff;
}

#endif
