/* The backstop: packets of a virtual server whose local address is not one of its own are dropped and counted.
 *
 * Independent of every rule above: it knows the server by its control group alone, to which these two programs are
 * attached while the server is set up. Groups and broadcasts may come in. A server that
 * was given CAP_NET_RAW may send ICMP echo requests from the address the kernel chooses, so that ping works. */
#ifndef VS_BACKSTOP_H
#define VS_BACKSTOP_H

#include "group.h"

#define ICMP_ECHO 8
#define ICMP_ECHOREPLY 0
#define ICMPV6_ECHO 128
#define ICMPV6_ECHOREPLY 129

static __always_inline bool is_group_own(struct group *group, __u64 high, __u64 low)
{
	__u32 loop = group->loop;

	if (has_address(&group->own, high, low))
		return true;
	if (!loop)
		return false;
	return (!high && low == mapped(bpf_htonl(0x7f000001 | loop << 8))) ||
	       (high == VS_LOOPBACK6 && low == bpf_cpu_to_be64(loop));
}

static __always_inline bool is_multicast(__u64 high, __u64 low)
{
	__u32 ip4 = low >> 32;

	if (high || (__u32)low != V4MAPPED)
		return (high & 0xff) == 0xff;
	return (ip4 & bpf_htonl(0xf0000000)) == bpf_htonl(0xe0000000) || ip4 == 0xffffffffu;
}

/* The local address of the packet, and whether it is an echo request going out or the reply to one. False: no IP packet. */
static __always_inline bool read_local(struct __sk_buff *skb, bool coming, struct address *local, bool *echo)
{
	__u8 header[40] = {}, type = 0;
	__u32 ip4;

	if (skb->protocol == bpf_htons(0x0800)) {
		if (bpf_skb_load_bytes_relative(skb, 0, header, 20, BPF_HDR_START_NET))
			return false;
		bpf_skb_load_bytes_relative(skb, (header[0] & 0xf) * 4, &type, 1, BPF_HDR_START_NET);
		*echo = header[9] == IPPROTO_ICMP && type == (coming ? ICMP_ECHOREPLY : ICMP_ECHO);
		__builtin_memcpy(&ip4, header + (coming ? 16 : 12), 4);
		local->high = 0;
		local->low = mapped(ip4);
		return true;
	}
	if (skb->protocol != bpf_htons(0x86dd) ||
	    bpf_skb_load_bytes_relative(skb, 0, header, 40, BPF_HDR_START_NET))
		return false;
	bpf_skb_load_bytes_relative(skb, 40, &type, 1, BPF_HDR_START_NET);
	*echo = header[6] == IPPROTO_ICMPV6 && type == (coming ? ICMPV6_ECHOREPLY : ICMPV6_ECHO);
	__builtin_memcpy(local, header + (coming ? 24 : 8), 16);
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

static __always_inline int check_packet(struct __sk_buff *skb, bool coming)
{
	__u64 id = bpf_skb_ancestor_cgroup_id(skb, SERVER_LEVEL);
	struct group *group = bpf_map_lookup_elem(&groups, &id);
	struct address local = {};
	bool echo = false;

	if (!group || !group->own.count || !read_local(skb, coming, &local, &echo))
		return 1;
	if (is_group_own(group, local.high, local.low))
		return 1;
	if (!coming && is_sent_by_own(skb, group))
		return 1;
	if (echo || (coming && is_multicast(local.high, local.low)) ||
	    (coming && group->own.broadcast && !local.high && local.low == mapped(group->own.broadcast)))
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
