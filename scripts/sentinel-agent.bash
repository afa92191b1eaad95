# bash completion of sentinel-agent: its options, and the instances of the
# config that is named so far (or of the default one), as far as it can be read.

_sentinel_agent_instances()
{
    local config=/etc/sentinel-agent/config.ini i
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [ "${COMP_WORDS[i]}" = -c ]; then
            config=${COMP_WORDS[i + 1]}
        fi
    done
    # With faults in it, its own lines must do.
    { "$1" --print-config -c "$config" 2>/dev/null || cat "$config"; } \
        2>/dev/null | sed -n 's/^[[:space:]]*\[redis:\([^]]*\)\].*/\1/p'
}

_sentinel_agent()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local words
    case $before in
    -c)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    --instance) words=$(_sentinel_agent_instances "$1") ;;
    --format) words="text json nagios" ;;
    *)
        words=$("$1" --help 2>/dev/null |
            grep -oE -- '(^|[^[:alnum:]-])--?[[:alpha:]][a-z-]*' |
            grep -oE -- '--?[[:alpha:]].*' | sort -u)
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _sentinel_agent sentinel-agent
