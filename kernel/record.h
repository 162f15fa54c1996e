/* The table of contexts: one fixed record per id, claimed and released by its reference count alone.
 *
 * INVARIANTS
 *  - A record is free exactly when `refs` is 0. Whoever moves it from 0 to RECORD_FILLING owns it until it stores 1.
 *  - Every task of the context holds one reference, from task_alloc (or entry) to task_free; HOLD holds one more.
 *  - References are only added to a record that has one already (increment unless zero), so an id that is dying is
 *    never revived, and never handed out before its last task is gone.
 * An array, not a hash: its elements are never freed and reused for another id under a reader's hands. */
#ifndef VS_RECORD_H
#define VS_RECORD_H

#include "addresses.h"

#define RECORD_FILLING (1u << 31)

struct record {
	__u32 refs;
	__u32 flags;
	__u64 ceiling;
	__u32 owner; /* effective user id of the maker */
	__u32 task_limit; /* flag nproc: 0 for none */
	__u64 born; /* nanoseconds since boot */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, VS_LAST + 1);
	__type(key, __u32);
	__type(value, struct record);
} records SEC(".maps");

/* The addresses of contexts that were made with some. Written by who fills the record, read by who holds a reference;
 * an entry is replaced when its id is given out again, never deleted under a reader. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, VS_LAST + 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct addresses);
} record_addresses SEC(".maps");

static __always_inline struct record *record_at(__u32 xid)
{
	return bpf_map_lookup_elem(&records, &xid);
}

static __always_inline struct addresses *addresses_of(__u32 xid)
{
	return bpf_map_lookup_elem(&record_addresses, &xid);
}

static __always_inline __u32 record_refs(struct record *record)
{
	return *(volatile __u32 *)&record->refs;
}

/* Contexts that are held are virtual servers: only the administrator holds any. */
static __always_inline bool is_server(__u32 xid)
{
	struct record *record = xid ? record_at(xid) : 0;

	return record && record_refs(record) && record->flags & VS_FLAG_HELD;
}

/* Number of tasks, without the reference of HOLD. */
static __always_inline __u32 record_tasks(struct record *record)
{
	__u32 refs = record_refs(record);

	if (refs & RECORD_FILLING)
		return 0;
	return refs && (record->flags & VS_FLAG_HELD) ? refs - 1 : refs;
}

/* Takes the free record for the caller; record_publish() must follow. */
static __always_inline bool record_claim(struct record *record)
{
	return __sync_val_compare_and_swap(&record->refs, 0, RECORD_FILLING) == 0;
}

static __always_inline void record_publish(struct record *record, __u32 refs)
{
	__sync_val_compare_and_swap(&record->refs, RECORD_FILLING, refs);
}

/* One more reference, unless the record is free (-ESRCH) or just being made (-EAGAIN). */
static __always_inline int record_get(struct record *record)
{
	for (int tries = 0; tries < 256; tries++) {
		__u32 refs = record_refs(record);

		if (refs == 0)
			return -ESRCH;
		if (refs & RECORD_FILLING)
			return -EAGAIN;
		if (__sync_val_compare_and_swap(&record->refs, refs, refs + 1) == refs)
			return 0;
	}
	return -EAGAIN;
}

/* Gives a reference back; the last one frees the record. */
static __always_inline void record_put(struct record *record)
{
	__sync_fetch_and_sub(&record->refs, 1);
}

#endif
