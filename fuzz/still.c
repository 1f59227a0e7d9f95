/* Loaded before the C library where a run of a fuzz target is to be told again: hash maps of Rust are seeded by
   getrandom, and another order of a map is another way through the program. */
#include <string.h>
#include <sys/types.h>

ssize_t getrandom(void *buffer, size_t length, unsigned flags) {
    (void)flags;
    memset(buffer, 7, length);
    return (ssize_t)length;
}
