/* Abstract Unix sockets are private to the context that made them: from outside nobody listens there.
 *
 * Enforced for connections and datagrams. Sockets in the file system are left to the permissions of their files, and
 * so is the answer to whoever has connected to one. Not a second name space: a name another context uses is taken. */
#ifndef VS_UNIX_H
#define VS_UNIX_H

#include "owner.h"

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct owner);
} sockets SEC(".maps");

/* For socket_post_create, which is shared with the addresses. */
static __always_inline int mark_unix_socket(struct socket *socket)
{
	struct sock *sk = socket->sk;
	__u32 xid = own_xid();
	struct owner mark;

	if (xid == VS_HOST || !sk)
		return 0;
	mark = mark_of(xid);
	return errno_if(!bpf_sk_storage_get(&sockets, sk, &mark, BPF_LOCAL_STORAGE_GET_F_CREATE), -ENOMEM);
}

static __always_inline bool has_abstract_name(struct sock *sk)
{
	struct unix_address *address = BPF_CORE_READ((struct unix_sock *)sk, addr);

	return address && BPF_CORE_READ(address, name[0].sun_path[0]) == '\0';
}

static __always_inline int check_way_to(struct sock *to)
{
	if (!has_abstract_name(to))
		return 0;
	return errno_if(!belongs_to(bpf_sk_storage_get(&sockets, to, 0, 0), own_xid()), -ECONNREFUSED);
}

SEC("lsm/unix_stream_connect")
int BPF_PROG(vs_unix_stream_connect, struct sock *from, struct sock *to)
{
	return check_way_to(to);
}

SEC("lsm/unix_may_send")
int BPF_PROG(vs_unix_may_send, struct socket *from, struct socket *to)
{
	struct sock *sk = to->sk;

	if (!sk || BPF_CORE_READ((struct unix_sock *)sk, peer) == from->sk)
		return 0;
	return check_way_to(sk);
}

#endif
