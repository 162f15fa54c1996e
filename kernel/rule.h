/* What a socket may bind to and speak from: the addresses of the task that uses it, where the cgroup hooks can read them.
 *
 * bind4 and its like may not read task storage on 6.12, so LSM hooks copy the task's set to the socket first; the copy is
 * made anew whenever a task with another set binds, connects or listens. A context with the loopback flag has a 127.0.0.1
 * and a ::1 of its own: 127.(id / 256).(id % 256).1 and VS_LOOPBACK6::id, shown to it as what it asked for.
 * Also enforced here, for tied tasks: no packet sockets and no protocol whose addresses no hook sees (SCTP, DCCP …).
 *
 * With OWN_CGROUP this is a part of an object of its own, for servers on a kernel without BPF LSM: the set then comes
 * from the server's control group. */
#ifndef VS_RULE_H
#define VS_RULE_H

#include "group.h"
#ifndef OWN_CGROUP
#include "events.h"
#include "task.h"
#include "unix.h"
#endif

#define AF_INET 2
#define AF_INET6 10
#define AF_PACKET 17
#define SOCK_RAW 3
#define LOOPBACK bpf_htonl(0x7f000001)
#define LOOPBACK6_LOW bpf_cpu_to_be64(1)
#define CGROUP_ALLOW 1

struct rule {
	__u32 loop; /* the context whose loopback it has, or 0 */
	struct addresses own;
};

/* What is left of a rule on accepted sockets: how their addresses are shown. */
struct face {
	__u32 loop;
	__u16 hidden_port; /* network order: the port of a bind that was put out of reach */
	__u8 hidden;
	__u8 wildcard; /* it was bound to every address */
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct rule);
} rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct face);
} faces SEC(".maps");

static __always_inline struct face *face_of(struct bpf_sock *sk)
{
	return sk ? bpf_sk_storage_get(&faces, sk, 0, 0) : 0;
}

static __always_inline struct face *make_face(struct bpf_sock *sk, struct rule *rule)
{
	struct face *face = bpf_sk_storage_get(&faces, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (face)
		face->loop = rule->loop;
	return face;
}

static __always_inline __u32 loopback_of(__u32 xid)
{
	return bpf_htonl(0x7f000001 | xid << 8);
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

/* Makes the socket follow the rule of the task that is using it. */
static __always_inline int copy_rule(struct socket *socket)
{
	struct membership *member = own_membership();
	struct sock *sk = socket->sk;
	struct rule *rule;
	__u16 family;
	__u32 loop;

	if (!sk)
		return 0;
	family = sk->__sk_common.skc_family;
	if (family != AF_INET && family != AF_INET6)
		return 0;
	if (!member || !member->own.count) {
		rule = bpf_sk_storage_get(&rules, sk, 0, 0);
		if (rule) {
			rule->own.count = rule->own.count4 = 0;
			rule->own.id = 0;
		}
		return 0;
	}
	rule = bpf_sk_storage_get(&rules, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!rule)
		return -ENOMEM;
	loop = has_loopback(member->xid) ? member->xid : 0;
	if (rule->own.id == member->own.id && rule->loop == loop)
		return 0;
	rule->own = member->own;
	rule->loop = loop;
	return 0;
}

static __always_inline bool is_covered(int type, int protocol)
{
	switch (protocol) {
	case 0:
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_MPTCP:
		return true;
	}
	/* Raw and ping sockets: bind and connect are checked below, the rest by the server's backstop. */
	return type == SOCK_RAW || protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

/* Only where all share the network stack: in a network namespace of its own there is nobody to be kept from. */
SEC("lsm/socket_create")
int BPF_PROG(vs_socket_create, int family, int type, int protocol, int kern)
{
	struct membership *member;

	if (family == AF_UNIX)
		return 0;
	if (family == AF_NETLINK)
		return check_connector(protocol);
	member = own_membership();
	if (!member || !member->own.count || kern)
		return 0;
	if (family == AF_PACKET)
		return -EPERM;
	return errno_if((family == AF_INET || family == AF_INET6) && !is_covered(type & 0xf, protocol), -EPERM);
}

/* Sockets the kernel makes on a task's behalf follow it too: the subflows of MPTCP are such. */
SEC("lsm/socket_post_create")
int BPF_PROG(vs_socket_post_create, struct socket *socket, int family)
{
	return family == AF_UNIX ? mark_unix_socket(socket) : copy_rule(socket);
}

/* Raw and ping sockets have a bind of their own, which asks no cgroup hook. */
static __always_inline int check_own_bind(struct socket *socket, struct sockaddr *address)
{
	struct membership *member = own_membership();
	struct sock *sk = socket->sk;
	__u16 protocol;
	union {
		struct sockaddr_in ip4;
		struct sockaddr_in6 ip6;
		__u64 words[4];
	} wanted = {};

	if (!member || !member->own.count || !sk)
		return 0;
	protocol = sk->sk_protocol;
	if (socket->type != SOCK_RAW && protocol != IPPROTO_ICMP && protocol != IPPROTO_ICMPV6)
		return 0;
	if (bpf_probe_read_kernel(&wanted, sizeof(wanted.ip6), address))
		return -EINVAL;
	if (wanted.ip4.sin_family == AF_INET) {
		__u32 ip4 = wanted.ip4.sin_addr.s_addr;

		return errno_if(ip4 && !has_ip4(&member->own, ip4), -EADDRNOTAVAIL);
	}
	if (wanted.ip6.sin6_family != AF_INET6)
		return 0;
	/* sin6_addr stands at offset 8. */
	return errno_if((wanted.words[1] || wanted.words[2]) &&
				!has_address(&member->own, wanted.words[1], wanted.words[2]),
			-EADDRNOTAVAIL);
}

SEC("lsm/socket_bind")
int BPF_PROG(vs_socket_bind, struct socket *socket, struct sockaddr *address)
{
	int error = copy_rule(socket);

	return error ? error : check_own_bind(socket, address);
}

SEC("lsm/socket_connect")
int BPF_PROG(vs_socket_connect, struct socket *socket)
{
	return copy_rule(socket);
}

SEC("lsm/socket_listen")
int BPF_PROG(vs_socket_listen, struct socket *socket)
{
	return copy_rule(socket);
}

static __always_inline struct rule *rule_of(struct bpf_sock *sk)
{
	struct rule *rule = sk ? bpf_sk_storage_get(&rules, sk, 0, 0) : 0;

	return rule && rule->own.count ? rule : 0;
}

/* A loopback address that belongs to a context other than `mine`. */
static __always_inline bool is_loop_of_other(__u32 xid, __u32 mine)
{
	return xid >= VS_FIRST_GUEST && xid != mine && has_loopback(xid);
}

#endif

static __always_inline bool is_loopback(__u32 ip4)
{
	return (ip4 & bpf_htonl(0xff000000)) == bpf_htonl(0x7f000000);
}

/* Whether 127.A.B.1 or VS_LOOPBACK6::id is the loopback of another context: nobody but that context reaches it. */
static __always_inline bool is_foreign_loop(__u32 ip4, __u32 mine)
{
	__u32 host = bpf_ntohl(ip4);

	return is_loopback(ip4) && (host & 0xff) == 1 && is_loop_of_other(host >> 8 & 0xffff, mine);
}

static __always_inline bool is_foreign_loop6(__u64 high, __u64 low, __u32 mine)
{
	return high == VS_LOOPBACK6 && is_loop_of_other(bpf_be64_to_cpu(low), mine);
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
