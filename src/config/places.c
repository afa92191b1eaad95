/*
 * The places on disk that the agent writes to.  Whether a user may write there
 * is asked of the kernel, as that user: modes alone do not tell it (groups,
 * access lists, folders above, read-only mounts).  Where we are root a child
 * process becomes the user and asks, as a change of user marks a process for
 * good.  Where we are somebody else than that user it cannot be told.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/escape.h"

#include "faults.h"

#include "places.h"

/* More groups than that are not tried. */
#define GROUPS_MAX 256

struct writer {
    bool root;   /* we are, and have to become the user to try */
    bool unsure; /* we are another user, and cannot try */
    uid_t uid;
    gid_t gid;
    gid_t groups[GROUPS_MAX];
    int ngroups;
    char name[64]; /* of the user */
};

static void find_writer(const char *user, struct writer *w)
{
    const struct passwd *p =
        user != NULL ? getpwnam(user) : getpwuid(geteuid());

    *w = (struct writer){ .uid = geteuid(), .gid = getegid() };
    snprintf(w->name, sizeof w->name, "%u", (unsigned)w->uid);
    if (p == NULL)
        return;
    snprintf(w->name, sizeof w->name, "%s", p->pw_name);
    w->uid = p->pw_uid;
    w->gid = p->pw_gid;
    w->root = geteuid() == 0 && w->uid != 0;
    w->unsure = geteuid() != 0 && geteuid() != w->uid;
    w->ngroups = GROUPS_MAX;
    if (w->root &&
        getgrouplist(p->pw_name, p->pw_gid, w->groups, &w->ngroups) < 0)
        w->ngroups = GROUPS_MAX;
}

static bool try_as(const struct writer *w, const char *path, int how)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        bool became = setgroups((size_t)w->ngroups, w->groups) == 0 &&
                      setresgid(w->gid, w->gid, w->gid) == 0 &&
                      setresuid(w->uid, w->uid, w->uid) == 0;
        _exit(became && access(path, how) != 0);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return status == 0;
}

/* True also where it cannot be told. */
static bool may(const struct writer *w, const char *path, int how)
{
    if (w->unsure)
        return true;
    return w->root ? try_as(w, path, how) : access(path, how) == 0;
}

/* "install -d -o redis -m 700 /x", the start of it. */
static const char *owner(const struct config *c, char out[96])
{
    out[0] = '\0';
    if (c->agent.user != NULL)
        snprintf(out, 96, "-o %s ", c->agent.user);
    return out;
}

static void check_state_dir(struct config_reading *r, const struct config *c,
                            const struct writer *w, unsigned at)
{
    const char *path = c->agent.state_dir;
    char got[ESCAPED_SIZE], who[96];
    struct stat st;

    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        config_fault(r, at,
                     "state_dir must be a folder that is there, got %s "
                     "(install -d %s-m 700 %s)",
                     config_show(path, got), owner(c, who), got);
    else if (w != NULL && !may(w, path, R_OK | W_OK | X_OK))
        config_fault(r, at,
                     "state_dir: %s cannot write in %s "
                     "(install -d %s-m 700 %s)",
                     w->name, config_show(path, got), owner(c, who), got);
}

static void check_log(struct config_reading *r, const struct config *c,
                      const struct writer *w, unsigned at)
{
    const char *path = c->agent.log;
    char got[ESCAPED_SIZE], who[96];

    config_show(path, got);
    if (access(path, F_OK) == 0) {
        if (!may(w, path, W_OK))
            config_fault(r, at, "log: %s cannot write to %s (chown %s %s)",
                         w->name, got, w->name, got);
        return;
    }
    char *folder = strndup(path, (size_t)(strrchr(path, '/') + 1 - path));
    if (folder == NULL)
        r->out_of_memory = true;
    else if (!may(w, folder, W_OK | X_OK))
        config_fault(r, at,
                     "log: %s cannot make %s "
                     "(install %s-m 640 /dev/null %s)",
                     w->name, got, owner(c, who), got);
    free(folder);
}

void config_check_places(struct config_reading *r, const struct config *c,
                         bool try)
{
    const unsigned *at = r->agent.keys_at;
    size_t dir = config_key_index(r->agent.set, "state_dir");
    size_t log = config_key_index(r->agent.set, "log");
    struct writer w;

    r->current = &r->agent;
    if (try)
        find_writer(c->agent.user, &w);
    if (c->agent.state_dir != NULL)
        check_state_dir(r, c, try ? &w : NULL, at[dir]);
    if (try && c->agent.log != NULL && c->agent.log[0] == '/')
        check_log(r, c, &w, at[log]);
}
