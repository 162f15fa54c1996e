/* The system call the current task is in, from the registers saved at its entry: nothing can change them under us.
 *
 * Some hooks are not given the task they are about, and some are asked the same by calls that must be told apart. Numbers
 * are those of 64-bit calls; a 32-bit call (int 0x80, or a 32-bit program) has its own, and its own registers. */
#ifndef VS_REGISTERS_H
#define VS_REGISTERS_H

#include "common.h"
#include <asm/unistd.h>

#define TS_COMPAT 0x0002
#define TIF_32BIT (1ul << 22)

enum argument { FIRST_ARGUMENT, SECOND_ARGUMENT, FIFTH_ARGUMENT };

static __always_inline struct pt_regs *saved_registers(struct task_struct *task)
{
	return (struct pt_regs *)bpf_task_pt_regs(task);
}

static __always_inline bool is_32bit_call(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

#if defined(__TARGET_ARCH_x86)
	return BPF_CORE_READ(task, thread_info.status) & TS_COMPAT;
#else
	return BPF_CORE_READ(task, thread_info.flags) & TIF_32BIT;
#endif
}

/* Of the register only the lower half counts; the caller may have left anything in the upper one. */
static __always_inline int syscall_number(void)
{
	struct pt_regs *regs = saved_registers(bpf_get_current_task_btf());

#if defined(__TARGET_ARCH_x86)
	return (int)BPF_CORE_READ(regs, orig_ax);
#else
	return BPF_CORE_READ(regs, syscallno);
#endif
}

/* The one call that asks as a reader of /proc does, and is no reading. Its number is the same for 32-bit callers. */
static __always_inline bool is_process_madvise(void)
{
	return syscall_number() == __NR_process_madvise;
}

static __always_inline long syscall_argument(enum argument which)
{
	struct pt_regs *regs = saved_registers(bpf_get_current_task_btf());

#if defined(__TARGET_ARCH_x86)
	bool compat = is_32bit_call();

	if (which == FIRST_ARGUMENT)
		return compat ? BPF_CORE_READ(regs, bx) : BPF_CORE_READ(regs, di);
	if (which == SECOND_ARGUMENT)
		return compat ? BPF_CORE_READ(regs, cx) : BPF_CORE_READ(regs, si);
	return compat ? BPF_CORE_READ(regs, di) : BPF_CORE_READ(regs, r8);
#else
	if (which == FIRST_ARGUMENT)
		return BPF_CORE_READ(regs, orig_x0);
	return BPF_CORE_READ(regs, regs[which == SECOND_ARGUMENT ? 1 : 4]);
#endif
}

#endif
