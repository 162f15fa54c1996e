/* Datagram sockets and some listeners on every address: reached on each of their task's own, and on its loopback.
 *
 * They cannot be entered in a SOCKHASH, so sk_lookup cannot find them. Instead a wildcard bind of the one, and a listen of the
 * other (listener.h), note for each further address where the socket really stands (`stands`); a tcx program at the devices
 * looks the socket up there and gives it to the packet: to every datagram, to the first packet of a connection. That holds
 * across families, too: a socket of both stands on an IPv4 address, and IPv6 packets, which no look-up would bring there, are
 * given to it. An exact socket goes first. The devices: the loopback always, others while a server with several addresses is
 * set up. Not covered: later fragments, broadcasts and groups a wildcard socket joined, SYN cookies of such a listener. */
#ifndef VS_STEER_H
#define VS_STEER_H

#include "stands.h"

#define ETH_P_IP bpf_htons(0x0800)
#define ETH_P_IPV6 bpf_htons(0x86dd)
#ifndef TCX_NEXT
#define TCX_NEXT -1
#define TCX_DROP 2
#endif
#define MORE_FRAGMENTS bpf_htons(0x1fff)
/* Where the flags stand in a TCP header. */
#define TCP_FLAGS 13
#define TCP_SYN 0x02
#define TCP_ACK 0x10

#ifndef OWN_CGROUP

struct ports {
	__be16 source;
	__be16 destination;
};

static __always_inline struct bpf_sock *find4(struct __sk_buff *skb, bool stream, __u32 from, __u32 to,
					      struct ports *ports)
{
	struct bpf_sock_tuple tuple = {
		.ipv4 = { .saddr = from, .daddr = to, .sport = ports->source, .dport = ports->destination },
	};

	return stream ? bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0) :
			bpf_sk_lookup_udp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
}

static __always_inline struct bpf_sock *find6(struct __sk_buff *skb, bool stream, __u64 *from, const struct address *to,
					      struct ports *ports)
{
	struct bpf_sock_tuple tuple = { .ipv6 = { .sport = ports->source, .dport = ports->destination } };

	/* Where it stands on an IPv4 address, nobody there is connected to an IPv6 one. */
	if (is_mapped(to->high, to->low))
		return find4(skb, stream, 0, to->low >> 32, ports);
	__builtin_memcpy(tuple.ipv6.saddr, from, 16);
	__builtin_memcpy(tuple.ipv6.daddr, to, 16);
	return stream ? bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0) :
			bpf_sk_lookup_udp(skb, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
}

/* Gives the socket to the packet if it serves every address of its set, and can take one of the family; always lets go of it. */
static __always_inline bool give(struct __sk_buff *skb, struct place *place, struct bpf_sock *sk)
{
	bool given;

	if (!sk)
		return false;
	given = (place->protocol == IPPROTO_UDP || sk->state == BPF_TCP_LISTEN) && serves(sk, place->high, place->low) &&
		(is_mapped(place->high, place->low) || sk->family == AF_INET6) && !bpf_sk_assign(skb, sk, 0);
	bpf_sk_release(sk);
	return given;
}

/* Reads what follows the IP header. False: no packet that is steered; of a connection the first one is. */
static __always_inline bool read_ports(struct __sk_buff *skb, __u32 at, __u8 protocol, struct ports *ports)
{
	__u8 flags;

	if (protocol != IPPROTO_UDP && (protocol != IPPROTO_TCP || !is_ever_noted(true)))
		return false;
	if (bpf_skb_load_bytes_relative(skb, at, ports, sizeof(*ports), BPF_HDR_START_NET))
		return false;
	if (protocol == IPPROTO_UDP)
		return true;
	return !bpf_skb_load_bytes_relative(skb, at + TCP_FLAGS, &flags, 1, BPF_HDR_START_NET) &&
	       (flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/* What goes first: a connection that is known, a listener that stands at the address, and one that sk_lookup steers there. */
static __always_inline bool goes_first(struct bpf_sock *sk, bool exact)
{
	struct face *face;

	if (exact || sk->state != BPF_TCP_LISTEN)
		return true;
	face = face_of(sk);
	return face && face->wildcard;
}

static __always_inline bool is_taken_by_stream4(struct __sk_buff *skb, __u32 from, __u32 to, struct ports *ports)
{
	struct bpf_sock_tuple tuple = {
		.ipv4 = { .saddr = from, .daddr = to, .sport = ports->source, .dport = ports->destination },
	};
	struct bpf_sock *sk = bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	bool result;

	if (!sk)
		return false;
	result = goes_first(sk, sk->src_ip4 == to);
	bpf_sk_release(sk);
	return result;
}

static __always_inline bool is_taken_by_stream6(struct __sk_buff *skb, __u64 *from, __u64 *to, struct ports *ports)
{
	struct bpf_sock_tuple tuple = { .ipv6 = { .sport = ports->source, .dport = ports->destination } };
	struct bpf_sock *sk;
	bool result;
	__u32 third;

	__builtin_memcpy(tuple.ipv6.saddr, from, 16);
	__builtin_memcpy(tuple.ipv6.daddr, to, 16);
	sk = bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return false;
	third = sk->src_ip6[2];
	SEPARATE(third);
	result = goes_first(sk, joined(third, sk->src_ip6[3]) == to[1]);
	bpf_sk_release(sk);
	return result;
}

static __always_inline bool give_from4(struct __sk_buff *skb, struct place *place, __u32 from, struct ports *ports,
				       const struct address *stand)
{
	bool stream = place->protocol == IPPROTO_TCP;

	return is_somewhere(stand) && give(skb, place, find4(skb, stream, from, stand->low >> 32, ports));
}

static __always_inline bool give_from6(struct __sk_buff *skb, struct place *place, __u64 *from, struct ports *ports,
				       const struct address *stand)
{
	bool stream = place->protocol == IPPROTO_TCP;

	return is_somewhere(stand) && give(skb, place, find6(skb, stream, from, stand, ports));
}

static __always_inline bool give_any4(struct __sk_buff *skb, struct place *place, __u32 from, struct ports *ports,
				      struct stand *stand)
{
	return give_from4(skb, place, from, ports, &stand->noted) || give_from4(skb, place, from, ports, &stand->first);
}

static __always_inline bool give_any6(struct __sk_buff *skb, struct place *place, __u64 *from, struct ports *ports,
				      struct stand *stand)
{
	return give_from6(skb, place, from, ports, &stand->noted) || give_from6(skb, place, from, ports, &stand->first) ||
	       give_from6(skb, place, from, ports, &stand->first4);
}

/* Whether the datagram socket is one of the context whose loopback it stands on. Another may stand there from before the context
 * was, and is given nothing. */
static __always_inline bool is_of_loop(struct bpf_sock *sk, __u32 xid)
{
	struct rule *rule = rule_of(sk);

	return rule && rule->loop == xid;
}

/* Connections that stray to a loopback are refused in lookup.h. */
static __always_inline int steer_stream4(struct __sk_buff *skb, __u32 from, __u32 to, struct ports *ports,
					 struct place *place, struct stand *stand)
{
	if (is_anywhere(stand) && !(is_foreign_loop(to, 0) && is_stray4(from, to)) &&
	    !is_taken_by_stream4(skb, from, to, ports))
		give_any4(skb, place, from, ports, stand);
	return TCX_NEXT;
}

static __always_inline int steer_stream6(struct __sk_buff *skb, __u64 *from, __u64 *to, struct ports *ports,
					 struct place *place, struct stand *stand)
{
	if (is_anywhere(stand) && !(is_foreign_loop6(to[0], to[1], 0) && is_stray6(from[0], from[1], to[1])) &&
	    !is_taken_by_stream6(skb, from, to, ports))
		give_any6(skb, place, from, ports, stand);
	return TCX_NEXT;
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
	struct stand stand;
	struct ports ports;
	struct bpf_sock *sk;
	bool exact, loop, found, foreign;

	if (bpf_skb_load_bytes_relative(skb, 0, &ip, sizeof(ip), BPF_HDR_START_NET) || ip.fragment & MORE_FRAGMENTS ||
	    !read_ports(skb, (ip.version & 0xf) * 4, ip.protocol, &ports))
		return TCX_NEXT;
	place.low = noted_low(ip.to);
	place.port = ports.destination;
	place.protocol = ip.protocol;
	stand = stand_of(&place);
	if (ip.protocol == IPPROTO_TCP)
		return steer_stream4(skb, ip.from, ip.to, &ports, &place, &stand);
	loop = is_foreign_loop(ip.to, 0);
	if (!is_anywhere(&stand) && !loop)
		return TCX_NEXT;
	sk = find4(skb, false, ip.from, ip.to, &ports);
	found = sk;
	if (sk) {
		exact = sk->src_ip4 == ip.to;
		foreign = loop && !is_of_loop(sk, id_in_loopback(ip.to));
		bpf_sk_release(sk);
		if (exact)
			return foreign ? TCX_DROP : TCX_NEXT;
	}
	if (give_any4(skb, &place, ip.from, &ports, &stand))
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
	struct stand stand;
	struct ports ports;
	struct bpf_sock *sk;
	bool exact, loop, found, foreign;

	if (bpf_skb_load_bytes_relative(skb, 0, &ip, sizeof(ip), BPF_HDR_START_NET) ||
	    !read_ports(skb, sizeof(ip), ip.next, &ports))
		return TCX_NEXT;
	place.high = ip.to[0];
	place.low = ip.to[1];
	place.port = ports.destination;
	place.protocol = ip.next;
	stand = stand_of(&place);
	if (ip.next == IPPROTO_TCP)
		return steer_stream6(skb, ip.from, ip.to, &ports, &place, &stand);
	loop = is_foreign_loop6(place.high, place.low, 0);
	if (!is_anywhere(&stand) && !loop)
		return TCX_NEXT;
	sk = find6(skb, false, ip.from, (struct address *)&place, &ports);
	found = sk;
	if (sk) {
		__u32 third = sk->src_ip6[2];

		SEPARATE(third);
		exact = joined(third, sk->src_ip6[3]) == place.low;
		foreign = loop && !is_of_loop(sk, bpf_be64_to_cpu(place.low));
		bpf_sk_release(sk);
		if (exact)
			return foreign ? TCX_DROP : TCX_NEXT;
	}
	if (give_any6(skb, &place, ip.from, &ports, &stand))
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
