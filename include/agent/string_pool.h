#ifndef AGENT_STRING_POOL_H
#define AGENT_STRING_POOL_H

/*
 * Texts that repeat.  Servers and failures say the same few sentences over and
 * over, so each is kept once, with a count of its references, and whatever
 * remembers it holds a pointer.  Thread: loop, all of it.
 */

/*
 * The one copy of TEXT, with a reference for the caller.  "" costs nothing;
 * on lack of memory it is a sentence that says so.  Never NULL.
 */
const char *string_pool_keep(const char *text);

/* Gives a reference back; NULL is a no-op. */
void string_pool_drop(const char *words);

/* *HELD (NULL, or a reference) becomes TEXT, which may be *HELD itself. */
void string_pool_set(const char **held, const char *text);

#endif
