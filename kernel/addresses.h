/* Sets of addresses: what a task is tied to. IPv4 addresses stand in them as ::ffff:a.b.c.d, before the IPv6 ones.
 *
 * INVARIANTS
 *  - `count4 <= count <= VS_MOST_ADDRESSES`; a set without addresses ties to nothing.
 *  - Two sets with the same `id` are the same; a set that is narrowed gets a new id. */
#ifndef VS_ADDRESSES_H
#define VS_ADDRESSES_H

#include "common.h"

#define V4MAPPED bpf_htonl(0xffff)

/* In network byte order. */
struct address {
	__u64 high;
	__u64 low;
};

struct addresses {
	__u64 id;
	__u32 broadcast; /* IPv4 address that may be bound to besides, 0 for none */
	__u16 count4;
	__u16 count;
	__u8 prefix[VS_MOST_ADDRESSES]; /* bits of the network, of 128 */
	struct address list[VS_MOST_ADDRESSES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} last_set SEC(".maps");

static __always_inline __u64 new_set_id(void)
{
	__u32 zero = 0;
	__u64 *last = bpf_map_lookup_elem(&last_set, &zero);

	return last ? __sync_fetch_and_add(last, 1) + 1 : 1;
}

static __always_inline __u64 mapped(__u32 ip4)
{
	return (__u64)ip4 << 32 | V4MAPPED;
}

/* The loopback of a context: 127.A.B.0/24 with its id in A.B, which it is shown as 127.0.0.0/24. */
#define LOOP_NET bpf_htonl(0xffffff00)

static __always_inline __u32 loop_net(__u32 xid)
{
	return bpf_htonl(0x7f000000 | xid << 8);
}

static __always_inline bool is_in_loop_net(__u32 xid, __u64 high, __u64 low)
{
	return !high && (__u32)low == V4MAPPED && ((low >> 32) & LOOP_NET) == loop_net(xid);
}

/* What is, or may become, the loopback of a context: nobody is tied to it, or he would meet there what is meant for it. */
static __always_inline bool is_of_loopbacks(__u64 high, __u64 low)
{
	__u32 ip4 = bpf_ntohl(low >> 32);

	if (high || (__u32)low != V4MAPPED)
		return high == VS_LOOPBACK6;
	return ip4 >> 24 == 127 && (ip4 >> 8 & 0xffff) >= VS_FIRST_GUEST;
}

static __always_inline bool has_address(const struct addresses *set, __u64 high, __u64 low)
{
	for (__u32 at = 0; at < VS_MOST_ADDRESSES; at++) {
		if (at >= set->count)
			break;
		if (set->list[at].high == high && set->list[at].low == low)
			return true;
	}
	return false;
}

static __always_inline bool has_ip4(const struct addresses *set, __u32 ip4)
{
	return has_address(set, 0, mapped(ip4));
}

/* Global functions, for which the verifier goes through their loops once, whoever calls them how often. */
__noinline bool is_subset(const struct addresses *part, const struct addresses *whole)
{
	if (!part || !whole)
		return false;
	for (__u32 at = 0; at < VS_MOST_ADDRESSES; at++) {
		if (at >= part->count)
			break;
		if (!has_address(whole, part->list[at].high, part->list[at].low))
			return false;
	}
	return true;
}

/* Whether a set that a caller gives is one: every address of its family, none unspecified or of a context's loopback. */
__noinline bool is_sound(const struct addresses *set)
{
	if (!set || set->count4 > set->count || set->count > VS_MOST_ADDRESSES ||
	    is_of_loopbacks(0, mapped(set->broadcast)))
		return false;
	for (__u32 at = 0; at < VS_MOST_ADDRESSES; at++) {
		__u64 high = set->list[at].high, low = set->list[at].low;
		bool is_mapped = !high && (__u32)low == V4MAPPED;

		if (at >= set->count)
			break;
		if (is_mapped != (at < set->count4) || (is_mapped ? !(low >> 32) : !high && !low))
			return false;
		if (set->prefix[at] > 128 || is_of_loopbacks(high, low))
			return false;
	}
	return true;
}

static __always_inline bool same_network(const struct address *own, __u32 prefix, __u64 high, __u64 low)
{
	__u64 first = bpf_be64_to_cpu(own->high ^ high), second = bpf_be64_to_cpu(own->low ^ low);

	if (prefix <= 64)
		return !prefix || !(first >> (64 - prefix));
	return !first && prefix <= 128 && !(second >> (128 - prefix));
}

/* The own address to speak to another one from: the first whose network holds it, else the first of the family. */
static __always_inline const struct address *source_for(const struct addresses *set, bool ip4, __u64 high, __u64 low)
{
	__u32 from = ip4 ? 0 : set->count4, to = ip4 ? set->count4 : set->count;

	if (from >= to || from >= VS_MOST_ADDRESSES)
		return 0;
	for (__u32 at = 0; at < VS_MOST_ADDRESSES; at++) {
		if (at < from)
			continue;
		if (at >= to)
			break;
		if (same_network(&set->list[at], set->prefix[at], high, low))
			return &set->list[at];
	}
	return &set->list[from];
}

/* fe80::/10: they come last in a set, and cannot be bound to without naming a link. */
static __always_inline bool is_link_local(const struct address *address)
{
	return (address->high & bpf_htons(0xffc0)) == bpf_htons(0xfe80);
}

static __always_inline bool has_family4(const struct addresses *set)
{
	return set->count4;
}

static __always_inline bool has_family6(const struct addresses *set)
{
	return set->count > set->count4;
}

static __always_inline __u32 first_ip4(const struct addresses *set)
{
	return set->list[0].low >> 32;
}

#endif
