"""The table at the end of a soak."""

from life import RSS_KB_PER_MIN

ERRORS_SHOWN = 20


def report(run, errors):
    tally, pace = run.judge.tally, run.pace
    bound = pace.bound()
    print(f"\nSeed {run.seed}, {pace.instances} instances on "
          f"{len(run.world.targets) if run.world else 0} servers, "
          f"interval {pace.interval * 1000:.0f} ms")
    print("\nFAULT                   INJECTED")
    for what, count in sorted(run.faults.injected.items()):
        print(f"{what:<24}{count:>8}")
    print(f"\nAFTER                    SETTLED   STALEST (bound {bound:.1f} s)")
    for cause, count in sorted(tally.settled.items()):
        stalest = tally.stalest.get(cause)
        print(f"{cause:<24}{count:>8}   "
              + (f"{stalest:5.1f} s" if stalest is not None else "     -"))
    print(f"\nChecked {tally.statuses} statuses in "
          f"{run.referee.passes['status']} passes (a reader trusted "
          f"{tally.trusted}), {tally.presences} presences in "
          f"{run.referee.passes['presence']}.")
    print(f"The machine stalled for at most {run.stalls.worst:.2f} s; "
          f"{tally.excused} contradictions excused by that.")
    print("\nLIFE  SECONDS  THREADS   FDS  CONNECTIONS  RSS kB   kB/min  END"
          f"      (limit {RSS_KB_PER_MIN} kB/min)")
    for life in run.agent.lives:
        print(life_row(life))
    for text in errors[:ERRORS_SHOWN]:
        print(f"WRONG: {text}")
    if len(errors) > ERRORS_SHOWN:
        print(f"... and {len(errors) - ERRORS_SHOWN} more")
    print(f"\n{'FAILED, ' + str(len(errors)) + ' errors' if errors else 'OK'}")


def life_row(life):
    if not life.samples:
        return f"{life.number:>4}{life.seconds():>9.0f}  (no sample) {life.end}"
    last, slope = life.samples[-1], life.slope()
    slope = "-" if slope is None else f"{slope:.0f}"
    return (f"{life.number:>4}{life.seconds():>9.0f}{last.threads:>9}"
            f"{last.fds:>6}{max(s.connections for s in life.samples):>13}"
            f"{last.rss_kb:>8}{slope:>9}  {life.end}")
