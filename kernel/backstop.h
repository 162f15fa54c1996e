/* The backstop: packets of a virtual server whose local address is not one of its own are dropped and counted.
 *
 * Independent of every rule above: it knows the server by its control group alone, to which these two programs are
 * attached while the server is set up. Groups and broadcasts may come in. Its loopback is spoken to from itself and its own
 * addresses, and to them. So that ping works, which never binds, an ICMP echo request may leave from an address that the
 * kernel chose: one of the machine's that no other server has, and not through a socket that could name any. */
#ifndef VS_BACKSTOP_H
#define VS_BACKSTOP_H

#include "group.h"

#define ICMP_ECHO 8
#define ICMP_ECHOREPLY 0
#define ICMPV6_ECHO 128
#define ICMPV6_ECHOREPLY 129

/* Bits of inet_sock.inet_flags, since Linux 6.6: options with which a socket sends from addresses of no device. */
#define INET_FLAGS_FREEBIND 11
#define INET_FLAGS_HDRINCL 12
#define INET_FLAGS_TRANSPARENT 15
#define ANY_SOURCE (1ul << INET_FLAGS_FREEBIND | 1ul << INET_FLAGS_HDRINCL | 1ul << INET_FLAGS_TRANSPARENT)

struct packet {
	struct address local;
	struct address remote;
	bool is_echo; /* an echo request that goes out, or the reply that comes in */
};

static __always_inline bool is_group_loop(struct group *group, __u64 high, __u64 low)
{
	__u32 loop = group->loop;

	if (!loop)
		return false;
	return is_in_loop_net(loop, high, low) || (high == VS_LOOPBACK6 && low == bpf_cpu_to_be64(loop));
}

static __always_inline bool is_multicast(__u64 high, __u64 low)
{
	__u32 ip4 = low >> 32;

	if (high || (__u32)low != V4MAPPED)
		return (high & 0xff) == 0xff;
	return (ip4 & bpf_htonl(0xf0000000)) == bpf_htonl(0xe0000000) || ip4 == 0xffffffffu;
}

static __always_inline bool is_group_own(struct group *group, __u64 high, __u64 low)
{
	return has_address(&group->own, high, low) || is_group_loop(group, high, low);
}

/* An address that this machine alone has: a loopback, of whomever. */
static __always_inline bool is_any_loopback(__u64 high, __u64 low)
{
	if (high || (__u32)low != V4MAPPED)
		return high == VS_LOOPBACK6 || (!high && low == bpf_cpu_to_be64(1));
	return (low >> 32 & bpf_htonl(0xff000000)) == bpf_htonl(0x7f000000);
}

static __always_inline bool is_own_packet(struct group *group, struct packet *packet)
{
	struct address *local = &packet->local, *remote = &packet->remote;

	if (is_group_loop(group, local->high, local->low))
		return is_group_own(group, remote->high, remote->low);
	return has_address(&group->own, local->high, local->low);
}

static __always_inline struct address from_ip4(const __u8 *at)
{
	__u32 ip4;

	__builtin_memcpy(&ip4, at, 4);
	return (struct address){ .low = mapped(ip4) };
}

/* False: no IP packet. */
static __always_inline bool read_packet(struct __sk_buff *skb, bool coming, struct packet *packet)
{
	struct address from, to;
	__u8 header[40] = {}, type = 0;

	if (skb->protocol == bpf_htons(0x0800)) {
		if (bpf_skb_load_bytes_relative(skb, 0, header, 20, BPF_HDR_START_NET))
			return false;
		bpf_skb_load_bytes_relative(skb, (header[0] & 0xf) * 4, &type, 1, BPF_HDR_START_NET);
		packet->is_echo = header[9] == IPPROTO_ICMP && type == (coming ? ICMP_ECHOREPLY : ICMP_ECHO);
		from = from_ip4(header + 12);
		to = from_ip4(header + 16);
	} else {
		if (skb->protocol != bpf_htons(0x86dd) ||
		    bpf_skb_load_bytes_relative(skb, 0, header, 40, BPF_HDR_START_NET))
			return false;
		bpf_skb_load_bytes_relative(skb, 40, &type, 1, BPF_HDR_START_NET);
		packet->is_echo = header[6] == IPPROTO_ICMPV6 && type == (coming ? ICMPV6_ECHOREPLY : ICMPV6_ECHO);
		__builtin_memcpy(&from, header + 8, 16);
		__builtin_memcpy(&to, header + 24, 16);
	}
	packet->local = coming ? to : from;
	packet->remote = coming ? from : to;
	return true;
}

/* A TCP segment leaves from what its socket stands on; its header may have been changed since, by the administrator's
 * port redirection. Of a datagram the header alone counts, for its sender may name an address for each. */
static __always_inline bool is_sent_by_own(struct __sk_buff *skb, struct group *group)
{
	struct bpf_sock *sk = skb->sk;
	__u32 first, third;

	sk = sk ? bpf_sk_fullsock(sk) : 0;
	if (!sk || sk->protocol != IPPROTO_TCP)
		return false;
	if (sk->src_ip4)
		return is_group_own(group, 0, mapped(sk->src_ip4));
	first = sk->src_ip6[0];
	SEPARATE(first);
	third = sk->src_ip6[2];
	SEPARATE(third);
	return is_group_own(group, joined(first, sk->src_ip6[1]), joined(third, sk->src_ip6[3]));
}

/* Raw sockets are not asked whom they speak to: none speaks to the loopback of the main server or of a neighbour. */
static __always_inline bool is_raw_to_loopback(struct __sk_buff *skb, struct group *group, struct address *to)
{
	struct bpf_sock *sk;

	if (!group->loop || !is_any_loopback(to->high, to->low) || is_group_loop(group, to->high, to->low))
		return false;
	sk = skb->sk;
	sk = sk ? bpf_sk_fullsock(sk) : 0;
	return sk && sk->type == SOCK_RAW;
}

struct owner_search {
	struct address wanted;
	bool found;
};

static long look_at_group(void *map, __u64 *id, struct group *group, struct owner_search *search)
{
	search->found = has_address(&group->own, search->wanted.high, search->wanted.low);
	return search->found;
}

static __always_inline bool may_ping(struct __sk_buff *skb, struct packet *packet, bool coming)
{
	struct owner_search search = { .wanted = packet->local };
	struct sk_buff *whole = bpf_cast_to_kern_ctx(skb);
	struct inet_sock *sk;

	if (!packet->is_echo)
		return false;
	if (coming)
		return true;
	sk = (struct inet_sock *)BPF_CORE_READ(whole, sk);
	if (!sk || BPF_CORE_READ(sk, inet_flags) & ANY_SOURCE)
		return false;
	/* To an address of this machine the kernel speaks from that address itself. */
	if (packet->local.high == packet->remote.high && packet->local.low == packet->remote.low)
		return true;
	bpf_for_each_map_elem(&groups, look_at_group, &search, 0);
	return !search.found;
}

/* What almost every packet is, read where it lies: one from or to an own address, and with no loopback. False: look closer. */
static __always_inline bool is_plainly_own(struct __sk_buff *skb, struct group *group, bool coming)
{
	const void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct address local = {}, remote = {};

	if (skb->protocol == bpf_htons(0x0800) && data + 20 <= end) {
		local = from_ip4(data + (coming ? 16 : 12));
		remote = from_ip4(data + (coming ? 12 : 16));
	} else if (skb->protocol == bpf_htons(0x86dd) && data + 40 <= end) {
		__builtin_memcpy(&local, data + (coming ? 24 : 8), 16);
		__builtin_memcpy(&remote, data + (coming ? 8 : 24), 16);
	} else {
		return false;
	}
	return has_address(&group->own, local.high, local.low) && !is_any_loopback(remote.high, remote.low);
}

static __always_inline int check_packet(struct __sk_buff *skb, bool coming)
{
	__u64 id = bpf_skb_ancestor_cgroup_id(skb, SERVER_LEVEL);
	struct group *group = bpf_map_lookup_elem(&groups, &id);
	struct packet packet = {};
	struct address *local = &packet.local;

	if (!group || !group->own.count || is_plainly_own(skb, group, coming) || !read_packet(skb, coming, &packet))
		return 1;
	if (is_own_packet(group, &packet) && (coming || !is_raw_to_loopback(skb, group, &packet.remote)))
		return 1;
	if (!coming && is_sent_by_own(skb, group))
		return 1;
	if (may_ping(skb, &packet, coming) || (coming && is_multicast(local->high, local->low)) ||
	    (coming && group->own.broadcast && !local->high && local->low == mapped(group->own.broadcast)))
		return 1;
	__sync_fetch_and_add(&group->dropped, 1);
	return 0;
}

SEC("cgroup_skb/ingress")
int vs_backstop_in(struct __sk_buff *skb)
{
	return check_packet(skb, true);
}

SEC("cgroup_skb/egress")
int vs_backstop_out(struct __sk_buff *skb)
{
	return check_packet(skb, false);
}

#endif
