/* Datagram sockets on every address: reached on each of their task's own, and on its loopback.
 *
 * No hook can enter a datagram socket in a SOCKHASH, so sk_lookup cannot find it. Instead a wildcard bind notes, for each
 * further address, where the socket really stands (`stands`); a tcx program at the devices looks the socket up there
 * and gives it to the packet. That holds across families, too: a socket of both stands on an IPv4 address, and IPv6 packets,
 * which no look-up would bring there, are given to it. An exact socket goes first. The devices: the loopback always, others while a server with
 * several addresses is set up. Not covered: later fragments, broadcasts and groups a wildcard socket joined. */
#ifndef VS_STEER_H
#define VS_STEER_H

#include "rule.h"

#define ETH_P_IP bpf_htons(0x0800)
#define ETH_P_IPV6 bpf_htons(0x86dd)
#ifndef TCX_NEXT
#define TCX_NEXT -1
#define TCX_DROP 2
#endif
#define MORE_FRAGMENTS bpf_htons(0x1fff)

#ifndef OWN_CGROUP

struct place {
	__u64 high;
	__u64 low;
	__u32 port; /* network order */
	__u32 unused;
};

/* From an address and port somebody sends to, to where the socket stands. An entry that outlives its socket does no harm:
 * a socket that is found is asked whether it was bound to every address. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct place);
	__type(value, struct address);
} stands SEC(".maps");

static __always_inline void offer(struct place *place, const struct address *first)
{
	if (place->high != first->high || place->low != first->low)
		bpf_map_update_elem(&stands, place, first, BPF_ANY);
}

/* Notes the socket that has just been given its first address, and the families it serves. */
static __always_inline void offer_datagrams(struct bpf_sock_addr *ctx, struct rule *rule, struct address first, bool ip4,
					    bool ip6)
{
	struct place place = { .port = ctx->user_port };

	if (ctx->protocol != IPPROTO_UDP || !place.port)
		return;
	for (__u32 at = 0; at < VS_MOST_ADDRESSES; at++) {
		if (at >= rule->own.count)
			break;
		if (!(at < rule->own.count4 ? ip4 : ip6))
			continue;
		place.high = rule->own.list[at].high;
		place.low = rule->own.list[at].low;
		offer(&place, &first);
	}
	if (!rule->loop)
		return;
	if (ip4 && has_family4(&rule->own)) {
		place.high = 0;
		place.low = mapped(loopback_of(rule->loop));
		offer(&place, &first);
	}
	if (ip6 && has_family6(&rule->own)) {
		place.high = VS_LOOPBACK6;
		place.low = loopback6_low(rule->loop);
		offer(&place, &first);
	}
}

struct ports {
	__be16 source;
	__be16 destination;
};

static __always_inline struct bpf_sock *find4(struct __sk_buff *skb, __u32 from, __u32 to, struct ports *ports)
{
	struct bpf_sock_tuple tuple = {
		.ipv4 = { .saddr = from, .daddr = to, .sport = ports->source, .dport = ports->destination },
	};

	return bpf_sk_lookup_udp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
}

static __always_inline struct bpf_sock *find6(struct __sk_buff *skb, __u64 *from, const struct address *to,
					      struct ports *ports)
{
	struct bpf_sock_tuple tuple = { .ipv6 = { .sport = ports->source, .dport = ports->destination } };

	/* Where it stands on an IPv4 address, nobody there is connected to an IPv6 one. */
	if (is_mapped(to->high, to->low))
		return find4(skb, 0, to->low >> 32, ports);
	__builtin_memcpy(tuple.ipv6.saddr, from, 16);
	__builtin_memcpy(tuple.ipv6.daddr, to, 16);
	return bpf_sk_lookup_udp(skb, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
}

/* Gives the socket to the packet if it was bound to every address and can take one of the family; always lets go of it. */
static __always_inline bool give(struct __sk_buff *skb, struct bpf_sock *sk, bool ip6)
{
	struct face *face;
	bool given;

	if (!sk)
		return false;
	face = face_of(sk);
	given = face && face->wildcard && (!ip6 || sk->family == AF_INET6) && !bpf_sk_assign(skb, sk, 0);
	bpf_sk_release(sk);
	return given;
}

static __always_inline int steer4(struct __sk_buff *skb)
{
	struct {
		__u8 version, service;
		__be16 length, id, fragment;
		__u8 life, protocol;
		__be16 sum;
		__be32 from, to;
	} ip = {};
	struct place place = {};
	struct address *stand;
	struct ports ports;
	struct bpf_sock *sk;
	bool exact, loop, found;

	if (bpf_skb_load_bytes_relative(skb, 0, &ip, sizeof(ip), BPF_HDR_START_NET) || ip.protocol != IPPROTO_UDP ||
	    ip.fragment & MORE_FRAGMENTS)
		return TCX_NEXT;
	if (bpf_skb_load_bytes_relative(skb, (ip.version & 0xf) * 4, &ports, sizeof(ports), BPF_HDR_START_NET))
		return TCX_NEXT;
	place.low = mapped(ip.to);
	place.port = ports.destination;
	stand = bpf_map_lookup_elem(&stands, &place);
	loop = is_foreign_loop(ip.to, 0);
	if (!stand && !loop)
		return TCX_NEXT;
	sk = find4(skb, ip.from, ip.to, &ports);
	found = sk;
	if (sk) {
		exact = sk->src_ip4 == ip.to;
		bpf_sk_release(sk);
		if (exact)
			return TCX_NEXT;
	}
	if (stand && give(skb, find4(skb, ip.from, stand->low >> 32, &ports), false))
		return TCX_NEXT;
	/* What was found is on every address of the main server, and a context's loopback is none of them. */
	return loop && found ? TCX_DROP : TCX_NEXT;
}

static __always_inline int steer6(struct __sk_buff *skb)
{
	struct {
		__u32 flow;
		__be16 length;
		__u8 next, life;
		__u64 from[2], to[2];
	} ip = {};
	struct place place = {};
	struct address *stand;
	struct ports ports;
	struct bpf_sock *sk;
	bool exact, loop, found;

	if (bpf_skb_load_bytes_relative(skb, 0, &ip, sizeof(ip), BPF_HDR_START_NET) || ip.next != IPPROTO_UDP ||
	    bpf_skb_load_bytes_relative(skb, sizeof(ip), &ports, sizeof(ports), BPF_HDR_START_NET))
		return TCX_NEXT;
	place.high = ip.to[0];
	place.low = ip.to[1];
	place.port = ports.destination;
	stand = bpf_map_lookup_elem(&stands, &place);
	loop = is_foreign_loop6(place.high, place.low, 0);
	if (!stand && !loop)
		return TCX_NEXT;
	sk = find6(skb, ip.from, (struct address *)&place, &ports);
	found = sk;
	if (sk) {
		__u32 third = sk->src_ip6[2];

		SEPARATE(third);
		exact = joined(third, sk->src_ip6[3]) == place.low;
		bpf_sk_release(sk);
		if (exact)
			return TCX_NEXT;
	}
	if (stand && give(skb, find6(skb, ip.from, stand, &ports), true))
		return TCX_NEXT;
	return loop && found ? TCX_DROP : TCX_NEXT;
}

/* Attached as tcx; older libbpf do not know a section of that name. */
SEC("tc")
int vs_steer(struct __sk_buff *skb)
{
	if (skb->protocol == ETH_P_IP)
		return steer4(skb);
	return skb->protocol == ETH_P_IPV6 ? steer6(skb) : TCX_NEXT;
}

#endif

#endif
