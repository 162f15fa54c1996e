/* Where sockets really stand that are bound to every address and that sk_lookup cannot find: a wildcard bind puts a socket on the
 * first of its addresses, and these tables lead from the others there.
 *
 * Datagram sockets are noted by bind.h, listeners by listener.h; steer.h and taken.h ask.
 * INVARIANT: what is found by a note is asked itself whether it serves the place; a note only says where to look. */
#ifndef VS_STANDS_H
#define VS_STANDS_H

#include "rule.h"

#ifndef OWN_CGROUP

static __always_inline bool is_same(const struct address *one, const struct address *other)
{
	return one->high == other->high && one->low == other->low;
}

static __always_inline bool is_somewhere(const struct address *stand)
{
	return stand->high || stand->low;
}

struct place {
	__u64 high;
	__u64 low;
	__u32 port; /* network order */
	__u32 protocol;
};

/* From an address and port somebody sends to, to where the socket stands. An entry that outlives its socket does no harm:
 * a socket that is found is asked whether it was bound to every address, and has this one. Whoever notes very many crowds out
 * the entries of others; of servers the next map tells the same. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct place);
	__type(value, struct address);
} stands SEC(".maps");

/* Whether anything has been noted since the kernel half was loaded, until then no packet need be looked up; and whether any
 * listener has been entered in listener.h's table, until then no socket that is bound. */
struct ever {
	__u32 datagrams;
	__u32 streams;
	__u32 entered;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ever);
} ever_noted SEC(".maps");

static __always_inline void note_ever(bool stream)
{
	__u32 zero = 0;
	struct ever *ever = bpf_map_lookup_elem(&ever_noted, &zero);

	if (ever && stream)
		ever->streams = true;
	else if (ever)
		ever->datagrams = true;
}

static __always_inline void note_ever_entered(void)
{
	__u32 zero = 0;
	struct ever *ever = bpf_map_lookup_elem(&ever_noted, &zero);

	if (ever)
		ever->entered = true;
}

static __always_inline bool is_ever_entered(void)
{
	__u32 zero = 0;
	struct ever *ever = bpf_map_lookup_elem(&ever_noted, &zero);

	return ever && ever->entered;
}

static __always_inline bool is_ever_noted(bool stream)
{
	__u32 zero = 0;
	struct ever *ever = bpf_map_lookup_elem(&ever_noted, &zero);

	return ever && (stream ? ever->streams : ever->datagrams);
}

/* Whose address it is, of servers: by that it is known where their sockets stand that serve every address. An entry that outlives
 * its server is asked whether the address is still the server's. Nobody but the administrator, who makes servers, can fill it. */
struct home {
	__u32 context;
	__u32 streams; /* it has had listeners that sk_lookup does not find */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 131072);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct address);
	__type(value, struct home);
} homes SEC(".maps");

/* A global function, which the verifier goes through once. */
__noinline bool is_home_of(__u32 context, __u64 high, __u64 low)
{
	struct addresses *set = is_server(context) ? addresses_of(context) : 0;

	return set && (has_address(set, high, low) || is_in_loop_net(context, high, low) ||
		       (high == VS_LOOPBACK6 && low == loopback6_low(context)));
}

/* The server's own set, not one that chbind has narrowed within it. */
static __always_inline bool is_set_of_server(struct rule *rule)
{
	struct addresses *set = is_server(rule->loop) ? addresses_of(rule->loop) : 0;

	return set && set->id == rule->own.id;
}

/* Whether what comes from `from` to a context's loopback is somebody else's. */
static __always_inline bool is_stray4(__u32 from, __u32 to)
{
	return (from ^ to) & LOOP_NET && !is_home_of(id_in_loopback(to), 0, mapped(from));
}

static __always_inline bool is_stray6(__u64 high, __u64 low, __u64 to_low)
{
	return (high != VS_LOOPBACK6 || low != to_low) && !is_home_of(bpf_be64_to_cpu(to_low), high, low);
}

static __always_inline void note_home(const struct address *at, __u32 context, bool stream)
{
	struct home *known = bpf_map_lookup_elem(&homes, at), home = { .context = context, .streams = stream };

	if (!known || known->context != context)
		bpf_map_update_elem(&homes, at, &home, BPF_ANY);
	else if (stream)
		known->streams = true;
}

/* Whether the socket was bound to every address, and this is one of its own. */
static __always_inline bool serves(struct bpf_sock *sk, __u64 high, __u64 low)
{
	struct face *face = face_of(sk);
	struct rule *rule = rule_of(sk);

	return face && face->wildcard && rule && (has_address(&rule->own, high, low) || is_own_loop(rule, high, low));
}

/* Notes where the socket stands that serves the own address, or loopback. At the address itself it is found without. A port that
 * the kernel has yet to choose cannot be noted, but whose home it is. */
static __always_inline void note_own(struct place *place, struct rule *rule, const struct address *stand, bool home)
{
	struct address at = { place->high, place->low };

	note_ever(place->protocol == IPPROTO_TCP);
	if (place->port && !is_same(&at, stand))
		bpf_map_update_elem(&stands, place, stand, BPF_ANY);
	if (home)
		note_home(&at, rule->loop, place->protocol == IPPROTO_TCP);
}

/* Whether listeners of another set serve the place, from somewhere else than `stand`. Whoever listens first has it, and a server
 * its addresses; what those had before it does not count. */
static __always_inline bool is_held_by_other(struct place *place, struct rule *rule, const struct address *stand)
{
	struct address at = { place->high, place->low }, *noted = bpf_map_lookup_elem(&stands, place);
	struct home *home = bpf_map_lookup_elem(&homes, &at);

	if (noted && !is_same(noted, stand))
		return true;
	return home && home->streams && home->context != rule->loop && !is_server(rule->loop) &&
	       is_home_of(home->context, place->high, place->low);
}

/* The address that notes are made of: who serves a loopback serves all of it. */
static __always_inline __u64 noted_low(__u32 ip4)
{
	return mapped(is_foreign_loop(ip4, 0) ? ip4 & LOOP_NET : ip4);
}

/* Where what serves the place may stand: as the note says, and on the first address of a family. Zero: nowhere. */
struct stand {
	struct address noted;
	struct address first;
	struct address first4; /* of an IPv6 place: sockets of both families */
};

static __always_inline bool is_anywhere(const struct stand *stand)
{
	return is_somewhere(&stand->noted) || is_somewhere(&stand->first) || is_somewhere(&stand->first4);
}

static __always_inline struct stand stand_of(struct place *place)
{
	bool ip4 = is_mapped(place->high, place->low), stream = place->protocol == IPPROTO_TCP;
	struct address at = { place->high, place->low }, *noted;
	struct stand stand = {};
	struct addresses *set;
	struct home *home;
	__u32 count4;

	if (!is_ever_noted(stream))
		return stand;
	noted = bpf_map_lookup_elem(&stands, place);
	if (noted)
		stand.noted = *noted;
	/* Nobody's home, and much used. */
	if (ip4 && place->low == mapped(LOOPBACK))
		return stand;
	home = bpf_map_lookup_elem(&homes, &at);
	if (!home || (stream && !home->streams) || !is_server(home->context))
		return stand;
	set = addresses_of(home->context);
	if (!set)
		return stand;
	if (has_family4(set) && ip4)
		stand.first = set->list[0];
	else if (has_family4(set))
		stand.first4 = set->list[0];
	count4 = set->count4;
	if (!ip4 && has_family6(set) && count4 < VS_MOST_ADDRESSES)
		stand.first = set->list[count4];
	return stand;
}

/* A datagram socket has just been given its first address: for all own ones of the families it serves, and their loopbacks. */
static __always_inline void offer_datagrams(struct bpf_sock_addr *ctx, struct rule *rule, struct address first, bool ip4,
					    bool ip6)
{
	struct place place = { .port = ctx->user_port, .protocol = IPPROTO_UDP };
	bool home;

	if (ctx->protocol != IPPROTO_UDP || is_elsewhere(ctx))
		return;
	home = is_set_of_server(rule);
	if (!place.port && !home)
		return;
	for (__u32 at = 0; at < VS_MOST_ADDRESSES; at++) {
		if (at >= rule->own.count)
			break;
		if (!(at < rule->own.count4 ? ip4 : ip6))
			continue;
		place.high = rule->own.list[at].high;
		place.low = rule->own.list[at].low;
		note_own(&place, rule, &first, home);
	}
	if (!rule->loop)
		return;
	if (ip4 && has_family4(&rule->own)) {
		place.high = 0;
		place.low = mapped(loop_net(rule->loop));
		note_own(&place, rule, &first, home);
	}
	if (ip6 && has_family6(&rule->own)) {
		place.high = VS_LOOPBACK6;
		place.low = loopback6_low(rule->loop);
		note_own(&place, rule, &first, home);
	}
}

#endif

#endif
