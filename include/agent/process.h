#ifndef AGENT_PROCESS_H
#define AGENT_PROCESS_H

/*
 * What the kernel says of this process.  Reads /proc; thread: any.
 */

/* The number of threads; -1 if it cannot be told. */
long process_threads(void);

/* The resident set in KiB; -1 if it cannot be told. */
long process_rss_kb(void);

#endif
