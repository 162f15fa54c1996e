/* The control group of a virtual server, as the network hooks see it: its addresses, and what the backstop dropped. */
#ifndef VS_GROUP_H
#define VS_GROUP_H

#include "addresses.h"

/* ROOT/vserver-NAME: how deep a server's group is. */
#define SERVER_LEVEL 1

struct group {
	__u32 loop; /* whose loopback it has, or 0 */
	__u32 unused;
	__u64 dropped; /* packets */
	struct addresses own;
};

#define STANDS_AT(field, offset) _Static_assert(__builtin_offsetof(struct group, field) == offset, #field)
STANDS_AT(loop, VS_GROUP_LOOP);
STANDS_AT(dropped, VS_GROUP_DROPPED);
STANDS_AT(own.id, VS_GROUP_ID);
STANDS_AT(own.broadcast, VS_GROUP_BROADCAST);
STANDS_AT(own.count4, VS_GROUP_COUNT4);
STANDS_AT(own.count, VS_GROUP_COUNT);
STANDS_AT(own.prefix, VS_GROUP_PREFIXES);
STANDS_AT(own.list, VS_GROUP_ADDRESSES);
_Static_assert(sizeof(struct group) == VS_GROUP_SIZE, "size");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct group);
} groups SEC(".maps");

static __always_inline struct group *own_group(void)
{
	__u64 id = bpf_get_current_ancestor_cgroup_id(SERVER_LEVEL);

	return bpf_map_lookup_elem(&groups, &id);
}

#endif
