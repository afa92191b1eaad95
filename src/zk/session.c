/*
 * The session over the life of handles and processes.  The file holds the id
 * of a session from its first moment to its last, so that it is there
 * whichever way the process ends.  A session that could not be saved goes on
 * all the same: its nodes are then taken over by the next process's session,
 * instead of found in its own.
 */
#include <string.h>

#include "agent/log.h"

#include "session.h"

static void log_not_resumed(const struct zk_session *s, const char *why)
{
    LOG_EVENT(LOG_LEVEL_WARN, "session_not_resumed",
              LOG_STR("file", session_file_path(s->file)), LOG_STR("why", why));
}

void zk_session_init(struct zk_session *s, struct session_file *file)
{
    struct err why;

    s->file = file;
    if (file == NULL)
        return;
    switch (session_file_load(file, &s->id, &why)) {
    case SESSION_NONE:
        break;
    case SESSION_LOADED:
        s->have_id = s->unproved = s->saved = true;
        break;
    case SESSION_REFUSED:
        log_not_resumed(s, why.text);
        break;
    }
}

const struct session_id *zk_session_id(const struct zk_session *s)
{
    return s->have_id ? &s->id : NULL;
}

static void save(struct zk_session *s)
{
    struct err e;

    if (s->file == NULL || !s->have_id || s->saved)
        return;
    s->saved = session_file_save(s->file, &s->id, &e) == 0;
    if (!s->saved && !s->unsaved_said)
        LOG_EVENT(LOG_LEVEL_WARN, "session_not_saved", LOG_STR("why", e.text));
    s->unsaved_said = !s->saved;
}

bool zk_session_granted(struct zk_session *s, const struct session_id *id)
{
    bool resumed = s->unproved;

    if (!s->have_id || memcmp(&s->id, id, sizeof *id) != 0)
        s->saved = false;
    s->id = *id;
    s->have_id = true;
    s->unproved = false;
    save(s);
    return resumed;
}

void zk_session_forget(struct zk_session *s, const char *why)
{
    if (s->unproved)
        log_not_resumed(s, why);
    explicit_bzero(&s->id, sizeof s->id);
    s->have_id = s->unproved = s->saved = false;
    if (s->file != NULL)
        session_file_drop(s->file);
}

bool zk_session_end(struct zk_session *s)
{
    bool lives_on = s->file != NULL && s->have_id;

    save(s);
    if (lives_on)
        session_file_leave(s->file);
    else
        session_file_close(s->file);
    explicit_bzero(&s->id, sizeof s->id);
    return lives_on;
}
