/* System calls of a 32-bit program, made by this 64-bit one. */
#include "attack.h"
#include <sys/mman.h>

long call32(long number, long a, long b, long c, long d, long e)
{
	long result;

	/* The sixth argument is in the frame pointer, which no constraint can name; what is below the stack pointer is ours. */
	__asm__ volatile("lea -128(%%rsp), %%rsp; push %%rbp; xor %%ebp, %%ebp; int $0x80; pop %%rbp; lea 128(%%rsp), %%rsp"
			 : "=a"(result)
			 : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
			 : "memory", "cc", "r8", "r9", "r10", "r11");
	return (int)result;
}

void *low_memory(void)
{
	static void *page;

	if (page == NULL)
		page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	memset(page, 0, 4096);
	return page;
}
