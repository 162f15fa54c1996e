/* The new system calls, as any program may make them. */
#include "abi.h"
#include "attack.h"
#include <linux/bpf.h>

int open_call(void)
{
	union bpf_attr attributes = {.pathname = (uintptr_t)VS_PIN_DIRECTORY "/call"};

	return (int)syscall(SYS_bpf, BPF_OBJ_GET, &attributes, sizeof attributes);
}

int run_call(int program, struct vs_call *call)
{
	union bpf_attr attributes;

	memset(&attributes, 0, sizeof attributes);
	attributes.test.prog_fd = (uint32_t)program;
	attributes.test.ctx_in = (uintptr_t)call;
	attributes.test.ctx_size_in = sizeof *call;
	return syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attributes, sizeof attributes) < 0 ? -errno : call->result;
}

int enter_new_context(void)
{
	struct vs_call call = {.version = VS_ABI_VERSION, .operation = VS_OP_NEW, .ceiling = ~0ull};
	int program = open_call(), result;

	if (program < 0)
		return -errno;
	result = run_call(program, &call);
	close(program);
	return result;
}
