/*
 * The two clocks, and RFC 3339 for the wall clock.  The parser is strict and
 * written out, because strptime accepts signs, spaces and short fields, and
 * timegm silently makes the 31st of February a day in March.  The writer is
 * written out, because gmtime_r takes a lock and strftime a microsecond, and a
 * page of two thousand instances has some fifteen thousand times in it.
 */
#include <assert.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "agent/clock.h"

/* The first and the last millisecond that have a year of four digits. */
#define WALL_MIN_MS INT64_C(-62167219200000)
#define WALL_MAX_MS INT64_C(253402300799999)
#define DAY_MS      86400000

uint64_t clock_mono_us(void)
{
    struct timespec t;
    int rc = clock_gettime(CLOCK_MONOTONIC, &t);
    assert(rc == 0);
    (void)rc;
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t clock_mono_ms(void)
{
    return clock_mono_us() / 1000;
}

int64_t clock_wall_ms(void)
{
    struct timespec t;
    int rc = clock_gettime(CLOCK_REALTIME, &t);
    assert(rc == 0);
    (void)rc;
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* N as WIDTH digits at OUT; returns what comes behind them. */
static char *put_digits(char *out, uint64_t n, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        out[i] = (char)('0' + n % 10);
        n /= 10;
    }
    return out + width;
}

/*
 * The date of DAYS since 1970-01-01, as YYYY-MM-DD at OUT.  Years are reckoned
 * from March, so that the leap day is the last one, in cycles of 400 years
 * (146,097 days); the first of those here begins in the year -400.
 */
static char *put_date(char *out, int64_t days)
{
    uint64_t day = (uint64_t)(days + 719468 + 146097);
    uint64_t cycle = day / 146097;
    day %= 146097;
    uint64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * year + year / 4 - year / 100;
    uint64_t month = (5 * day + 2) / 153;
    day -= (153 * month + 2) / 5;
    bool next = month >= 10; /* January or February */
    out = put_digits(out, year + cycle * 400 - 400 + next, 4);
    *out++ = '-';
    out = put_digits(out, next ? month - 9 : month + 3, 2);
    *out++ = '-';
    return put_digits(out, day + 1, 2);
}

char *clock_rfc3339(int64_t wall_ms, char *out)
{
    /* OUT has no room for more than four digits of a year. */
    if (wall_ms < WALL_MIN_MS)
        wall_ms = WALL_MIN_MS;
    if (wall_ms > WALL_MAX_MS)
        wall_ms = WALL_MAX_MS;

    uint64_t ms = (uint64_t)(wall_ms - WALL_MIN_MS);
    char *at = put_date(out, (int64_t)(ms / DAY_MS) + WALL_MIN_MS / DAY_MS);
    ms %= DAY_MS;
    *at++ = 'T';
    at = put_digits(at, ms / 3600000, 2);
    *at++ = ':';
    at = put_digits(at, ms / 60000 % 60, 2);
    *at++ = ':';
    at = put_digits(at, ms / 1000 % 60, 2);
    *at++ = '.';
    at = put_digits(at, ms % 1000, 3);
    memcpy(at, "Z", 2);
    return out;
}

/* Takes exactly N digits at *TEXT; false if there are fewer. */
static bool digits(const char **text, int n, int *out)
{
    int v = 0;
    for (; n > 0; n--, (*text)++) {
        if (**text < '0' || **text > '9')
            return false;
        v = v * 10 + (**text - '0');
    }
    *out = v;
    return true;
}

static bool character(const char **text, char c)
{
    if (**text != c)
        return false;
    (*text)++;
    return true;
}

/* One to nine digits after a point, or no point; what is finer than a
 * millisecond is dropped. */
static bool fraction(const char **text, int *ms)
{
    *ms = 0;
    if (!character(text, '.'))
        return true;
    int n = 0;
    for (int weight = 100; **text >= '0' && **text <= '9'; weight /= 10, n++)
        *ms += weight * (*(*text)++ - '0');
    return n >= 1 && n <= 9;
}

static int month_days(int year, int month)
{
    static const int DAYS[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return DAYS[month - 1] + (month == 2 && leap);
}

int clock_parse_rfc3339(const char *text, int64_t *wall_ms)
{
    int year, mon, day, hour, min, sec, ms;
    if (!digits(&text, 4, &year) || !character(&text, '-') ||
        !digits(&text, 2, &mon) || !character(&text, '-') ||
        !digits(&text, 2, &day) || !character(&text, 'T') ||
        !digits(&text, 2, &hour) || !character(&text, ':') ||
        !digits(&text, 2, &min) || !character(&text, ':') ||
        !digits(&text, 2, &sec) || !fraction(&text, &ms) ||
        !character(&text, 'Z') || *text != '\0')
        return -1;
    if (mon < 1 || mon > 12 || day < 1 || day > month_days(year, mon) ||
        hour > 23 || min > 59 || sec > 59)
        return -1;
    struct tm tm = {
        .tm_year = year - 1900,
        .tm_mon = mon - 1,
        .tm_mday = day,
        .tm_hour = hour,
        .tm_min = min,
        .tm_sec = sec,
    };
    *wall_ms = (int64_t)timegm(&tm) * 1000 + ms;
    return 0;
}
