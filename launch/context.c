/* The two steps that talk to the kernel half: open its pinned call, run it as this process. */
#define _GNU_SOURCE
#include "abi.h"
#include "launch.h"
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

STEP(context_open)
{
	union bpf_attr attributes;
	memset(&attributes, 0, sizeof attributes);
	attributes.pathname = (uintptr_t)a[0].text;
	/* The descriptor is close-on-exec: the kernel makes it so. */
	run->context = (int)syscall(SYS_bpf, BPF_OBJ_GET, &attributes, sizeof attributes);
	return outcome(run->context);
}

STEP(context_call)
{
	struct vs_call call;
	union bpf_attr attributes;
	if (a[0].length != sizeof call)
		return EBADMSG;
	memcpy(&call, a[0].text, sizeof call);
	memset(&attributes, 0, sizeof attributes);
	attributes.test.prog_fd = run->context;
	attributes.test.ctx_in = (uintptr_t)&call;
	attributes.test.ctx_size_in = sizeof call;
	if (syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attributes, sizeof attributes) < 0)
		return errno;
	/* A context with hideinfo tells its number once, to whoever enters. */
	if (call.result == 0 && call.xid != 0)
		run->xid = call.xid;
	return -call.result;
}
