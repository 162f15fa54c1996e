/* The hooks on sockets that know the task: each socket gets the rule of whoever uses it, for the cgroup hooks to read.
 *
 * The copy is made anew whenever a task with another set makes, binds, connects or listens. Enforced here, for tied tasks: no
 * socket of another family (AF_PACKET, AF_XDP, AF_VSOCK …), no protocol whose addresses no hook sees (SCTP, DCCP; UDP-Lite,
 * whose connect() asks none), and a raw or ping socket binds to the task's own addresses alone. Unix sockets are marked, and the process connector refused, for unix.h and events.h. */
#ifndef VS_SOCKETS_H
#define VS_SOCKETS_H

#include "events.h"
#include "rule.h"
#include "unix.h"

#define AF_ALG 38
#define SOCK_STREAM 1
#define SOCK_DGRAM 2

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
		/* The kernel takes the type's first protocol: of SOCK_SEQPACKET that is SCTP. */
		return type == SOCK_STREAM || type == SOCK_DGRAM || type == SOCK_RAW;
	case IPPROTO_TCP:
	case IPPROTO_UDP:
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
	if (family != AF_INET && family != AF_INET6)
		return errno_if(family != AF_ALG, -EPERM);
	return errno_if(!is_covered(type & 0xf, protocol), -EPERM);
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

#endif
