/*
 * The options, what they are called in the help, and which of them go
 * together.  --check-once answers bad usage in its own way, so it is looked
 * for before anything else.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

#include "args.h"

#define DEFAULT_FILE "/etc/sentinel-agent/config.ini"

static const char HELP[] =
    "Usage:\n"
    "  sentinel-agent [-c FILE]               run in the foreground\n"
    "  sentinel-agent -d [-c FILE]            run as a daemon\n"
    "  sentinel-agent --check-once [-c FILE] [--instance NAME]...\n"
    "                 [--format text|json|nagios] [--no-publish]\n"
    "                                         probe once, publish, print\n"
    "  sentinel-agent --status [-c FILE]\n"
    "                 [--http ADDRESS | --from-zookeeper [--fleet F]]\n"
    "                 [--watch] [--format text|json]\n"
    "                                         show what the running agent "
    "says,\n"
    "                                         or what ZooKeeper says of all\n"
    "  sentinel-agent --maintenance [-c FILE] [--fleet F | --agent ID]\n"
    "                 [--format text|json]    show what is in maintenance\n"
    "  sentinel-agent --maintenance set NAME... --for 2h --reason TEXT\n"
    "                 [--owner WHO] [-c FILE] [--fleet F | --agent ID]\n"
    "  sentinel-agent --maintenance lift NAME... [-c FILE]\n"
    "                 [--fleet F | --agent ID]\n"
    "  sentinel-agent --targets [-c FILE] [--fleet F] [--format text|json]\n"
    "                                         show the targets of a fleet\n"
    "  sentinel-agent --targets put FILE... [-c FILE] [--fleet F]\n"
    "                 [--yes] [--force]       check and write its chunks\n"
    "  sentinel-agent --targets get CHUNK [-c FILE] [--fleet F]\n"
    "  sentinel-agent --targets remove CHUNK... [-c FILE] [--fleet F]\n"
    "                 [--yes] [--force]\n"
    "  sentinel-agent --fleet [F] [-c FILE] [--format text|json]\n"
    "                                         show the members of a fleet\n"
    "  sentinel-agent --test-config [-c FILE] name every fault of the config\n"
    "  sentinel-agent --print-config [-c FILE] print the settings in force\n"
    "  sentinel-agent -h | --help | -V | --version\n"
    "\n"
    "FILE is " DEFAULT_FILE " unless given; every key with its\n"
    "default is in " AGENT_EXAMPLE ".\n"
    "Exit codes: 0 after a clean stop, 1 failure at run time, 2 usage or\n"
    "config; of --check-once: 0 up, 1 degraded, 2 down, 3 unknown; of\n"
    "the other commands: 0 done, 1 not, 2 usage or config.\n"
    "Signals: TERM, INT stop; HUP re-reads the config and re-opens the log;\n"
    "USR1 dumps the active jobs to the log.\n"
    "\n"
    "More: sentinel-agent(8), the config: sentinel-agent.conf(5), what a\n"
    "status means and how to read it: sentinel-agent-status(7), the page,\n"
    "metrics, alerts, log events: sentinel-agent-monitoring(7), agents\n"
    "that share targets: sentinel-agent-fleet(7).\n";

enum {
    OPT_ONCE = 256,
    OPT_TEST,
    OPT_PRINT,
    OPT_STATUS,
    OPT_WATCH,
    OPT_FROM_ZOOKEEPER,
    OPT_HTTP,
    OPT_INSTANCE,
    OPT_FORMAT,
    OPT_NO_PUBLISH,
    OPT_MAINTENANCE,
    OPT_FLEET,
    OPT_AGENT,
    OPT_FOR,
    OPT_REASON,
    OPT_OWNER,
    OPT_TARGETS,
    OPT_YES,
    OPT_FORCE,
    OPT_WORD = 1 /* what getopt gives for a word with "-" in its string */
};

static const struct option OPTIONS[] = {
    { "check-once", no_argument, NULL, OPT_ONCE },
    { "test-config", no_argument, NULL, OPT_TEST },
    { "print-config", no_argument, NULL, OPT_PRINT },
    { "status", no_argument, NULL, OPT_STATUS },
    { "watch", no_argument, NULL, OPT_WATCH },
    { "from-zookeeper", no_argument, NULL, OPT_FROM_ZOOKEEPER },
    { "http", required_argument, NULL, OPT_HTTP },
    { "instance", required_argument, NULL, OPT_INSTANCE },
    { "format", required_argument, NULL, OPT_FORMAT },
    { "no-publish", no_argument, NULL, OPT_NO_PUBLISH },
    { "maintenance", no_argument, NULL, OPT_MAINTENANCE },
    { "fleet", optional_argument, NULL, OPT_FLEET },
    { "agent", required_argument, NULL, OPT_AGENT },
    { "for", required_argument, NULL, OPT_FOR },
    { "reason", required_argument, NULL, OPT_REASON },
    { "owner", required_argument, NULL, OPT_OWNER },
    { "targets", no_argument, NULL, OPT_TARGETS },
    { "yes", no_argument, NULL, OPT_YES },
    { "force", no_argument, NULL, OPT_FORCE },
    { "help", no_argument, NULL, 'h' },
    { "version", no_argument, NULL, 'V' },
    { NULL, 0, NULL, 0 },
};

/* --check-once may stand anywhere among the arguments, and be abbreviated. */
static bool is_once(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "--c", 3) == 0 &&
            strncmp(argv[i], "--check-once", strlen(argv[i])) == 0)
            return true;
    return false;
}

_Noreturn static void usage(bool once, const char *text, const char *value)
{
    fprintf(stderr, "sentinel-agent: %s%s\n", text, value);
    fprintf(stderr, "Try 'sentinel-agent --help'.\n");
    exit(once ? EXIT_ONCE_BAD : AGENT_EXIT_USAGE);
}

static void set_mode(struct args *a, enum mode mode, bool once)
{
    if (a->mode != MODE_RUN && a->mode != mode)
        usage(once,
              "--check-once, --status, --maintenance, --targets, --test-config "
              "and --print-config exclude each other",
              "");
    a->mode = mode;
}

/* True if the option belongs to --check-once alone. */
static bool once_option(struct args *a, int opt)
{
    switch (opt) {
    case OPT_INSTANCE:
        a->names[a->nnames++] = optarg;
        return true;
    case OPT_NO_PUBLISH:
        a->publish = false;
        return true;
    default:
        return false;
    }
}

/* True if the option belongs to --maintenance or --targets. */
static bool tree_option(struct args *a, int opt, char **argv)
{
    switch (opt) {
    case OPT_FLEET:
        /* Alone it is a command; else its name follows. */
        a->fleet_given = true;
        a->fleet = optarg;
        if (optarg == NULL && argv[optind] != NULL && argv[optind][0] != '-')
            a->fleet = argv[optind++];
        return true;
    case OPT_AGENT:
        a->agent = optarg;
        return true;
    case OPT_FOR:
        a->length = optarg;
        return true;
    case OPT_REASON:
        a->reason = optarg;
        return true;
    case OPT_OWNER:
        a->owner = optarg;
        return true;
    case OPT_YES:
        a->yes = true;
        return true;
    case OPT_FORCE:
        a->force = true;
        return true;
    default:
        return false;
    }
}

static void take_option(struct args *a, int opt, char **argv, bool once)
{
    if (once_option(a, opt)) {
        a->once_only = true;
        return;
    }
    if (tree_option(a, opt, argv))
        return;
    switch (opt) {
    case 'c':
        a->file = optarg;
        a->file_given = true;
        break;
    case 'd':
        a->background = true;
        break;
    case OPT_ONCE:
        set_mode(a, MODE_ONCE, once);
        break;
    case OPT_STATUS:
        set_mode(a, MODE_STATUS, once);
        break;
    case OPT_MAINTENANCE:
        set_mode(a, MODE_MAINTENANCE, once);
        break;
    case OPT_TARGETS:
        set_mode(a, MODE_TARGETS, once);
        break;
    case OPT_WORD:
        a->words[a->nwords++] = optarg;
        break;
    case OPT_WATCH:
        a->watch = true;
        break;
    case OPT_FROM_ZOOKEEPER:
        a->from_zookeeper = true;
        break;
    case OPT_HTTP:
        a->http = optarg;
        break;
    case OPT_FORMAT:
        if (!report_parse_format(optarg, &a->format))
            usage(once, "--format must be text, json or nagios, not ", optarg);
        a->formatted = true;
        break;
    case OPT_TEST:
        set_mode(a, MODE_TEST, once);
        break;
    case OPT_PRINT:
        set_mode(a, MODE_PRINT, once);
        break;
    case 'h':
        fputs(HELP, stdout);
        exit(AGENT_EXIT_OK);
    case 'V':
        puts("sentinel-agent " AGENT_VERSION);
        exit(AGENT_EXIT_OK);
    case ':':
        usage(once, "missing value of ", argv[optind - 1]);
    default:
        usage(once, "unknown option ", argv[optind - 1]);
    }
}

/* "set NAME...", "lift NAME..." or nothing, and what each of them needs. */
static void check_maintenance(const struct args *a)
{
    const char *verb = a->nwords > 0 ? a->words[0] : "";
    bool set = strcmp(verb, "set") == 0;

    if (a->nwords > 0 && !set && strcmp(verb, "lift") != 0)
        usage(false,
              "--maintenance takes set NAME..., lift NAME... or nothing,"
              " not ",
              verb);
    if (a->nwords == 1)
        usage(false, "name what is to be in maintenance: --maintenance ",
              set ? "set NAME..." : "lift NAME...");
    if (set && (a->length == NULL || a->reason == NULL))
        usage(false,
              "--maintenance set needs an end and a reason: --for 2h "
              "--reason TEXT",
              "");
    if (!set && (a->length != NULL || a->reason != NULL || a->owner != NULL))
        usage(false, "--for, --reason and --owner go with --maintenance set",
              "");
    if (a->nwords > 0 && a->formatted)
        usage(false, "--format goes with --maintenance alone, not with ", verb);
    if (a->fleet != NULL && a->agent != NULL)
        usage(false, "--fleet and --agent exclude each other", "");
}

/* "put FILE...", "get CHUNK", "remove CHUNK..." or nothing. */
static void check_targets(const struct args *a)
{
    const char *verb = a->nwords > 0 ? a->words[0] : "";
    bool get = strcmp(verb, "get") == 0;
    bool changes = strcmp(verb, "put") == 0 || strcmp(verb, "remove") == 0;

    if (a->nwords > 0 && !get && !changes)
        usage(false,
              "--targets takes put FILE..., get CHUNK, remove CHUNK... or "
              "nothing, not ",
              verb);
    if (a->nwords == 1)
        usage(false, "name what: --targets ",
              strcmp(verb, "put") == 0 ? "put FILE..."
              : get                    ? "get CHUNK"
                                       : "remove CHUNK...");
    if (get && a->nwords > 2)
        usage(false, "--targets get takes one chunk, not also ", a->words[2]);
    if ((a->yes || a->force) && !changes)
        usage(false, "--yes and --force go with --targets put and remove", "");
    if (a->nwords > 0 && a->formatted)
        usage(false, "--format goes with --targets alone, not with ", verb);
}

/* What the words and options of the tree's commands belong to. */
static void check_tree(const struct args *a, bool once)
{
    bool maintenance = a->mode == MODE_MAINTENANCE;
    bool targets = a->mode == MODE_TARGETS;

    if (maintenance)
        check_maintenance(a);
    else if (targets)
        check_targets(a);
    else if (a->nwords > 0)
        usage(once, "unexpected argument ", a->words[0]);
    if (a->fleet_given && !maintenance && !targets && !a->from_zookeeper &&
        a->mode != MODE_FLEET)
        usage(once,
              "--fleet goes alone, or with --maintenance, --targets or "
              "--status --from-zookeeper",
              "");
    if (a->fleet_given && a->fleet == NULL && a->mode != MODE_FLEET)
        usage(once, "missing value of ", "--fleet");
    if ((a->agent != NULL || a->length != NULL || a->reason != NULL ||
         a->owner != NULL) &&
        !maintenance)
        usage(once,
              "--agent, --for, --reason and --owner go with --maintenance", "");
    if ((a->yes || a->force) && !targets)
        usage(once, "--yes and --force go with --targets", "");
}

/* The options that were given belong to the mode that was chosen. */
static void check_together(const struct args *a, bool once)
{
    bool status = a->mode == MODE_STATUS;
    bool shows = status || a->mode == MODE_ONCE ||
                 a->mode == MODE_MAINTENANCE || a->mode == MODE_TARGETS ||
                 a->mode == MODE_FLEET;

    check_tree(a, once);
    if (a->once_only && a->mode != MODE_ONCE)
        usage(once, "--instance and --no-publish go with --check-once", "");
    if (a->formatted && !shows)
        usage(once,
              "--format goes with --check-once, --status, --maintenance, "
              "--targets or --fleet",
              "");
    if (a->mode != MODE_ONCE && a->format == REPORT_NAGIOS)
        usage(once, "--format must be text or json here, not ", "nagios");
    if ((a->watch || a->from_zookeeper || a->http != NULL) && !status)
        usage(once, "--watch, --http and --from-zookeeper go with --status",
              "");
    if (a->http != NULL && (a->from_zookeeper || a->file_given))
        usage(once, "--http needs neither -c nor --from-zookeeper", "");
    if (a->background && a->mode != MODE_RUN)
        usage(once, "-d goes with a long run only", "");
}

void args_parse(struct args *a, int argc, char **argv)
{
    bool once = is_once(argc, argv);
    int opt;
    *a = (struct args){ .file = DEFAULT_FILE, .publish = true };
    a->names = calloc((size_t)argc, sizeof(*a->names));
    a->words = calloc((size_t)argc, sizeof(*a->words));
    if (a->names == NULL || a->words == NULL)
        usage(once, "out of memory", "");
    while ((opt = getopt_long(argc, argv, "-:c:dhV", OPTIONS, NULL)) != -1)
        take_option(a, opt, argv, once);
    for (; optind < argc; optind++) /* behind "--" */
        a->words[a->nwords++] = argv[optind];
    if (a->fleet_given && a->mode == MODE_RUN)
        a->mode = MODE_FLEET;
    check_together(a, once);
}
