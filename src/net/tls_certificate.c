/*
 * Certificates for people.  All of it comes from the other side: what is no
 * printable ASCII is escaped, and long texts are cut.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>

#include "agent/escape.h"

#include "tls_certificate.h"
#include "tls_library.h"

static int64_t wall_ms(const ASN1_TIME *t)
{
    struct tm tm;
    if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1)
        return 0;
    return (int64_t)timegm(&tm) * 1000;
}

static void put_day(const ASN1_TIME *t, char out[16])
{
    struct tm tm;
    strcpy(out, "?");
    if (t != NULL && ASN1_TIME_to_tm(t, &tm) == 1)
        strftime(out, 16, "%Y-%m-%d", &tm);
}

static void put_dn(const X509_NAME *dn, char *out, size_t size)
{
    char *bytes = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    out[0] = '\0';
    if (bio == NULL)
        return;
    X509_NAME_print_ex(bio, dn, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
    long len = BIO_get_mem_data(bio, &bytes);
    if (len > 0)
        escape_add(out, size, bytes, (size_t)len);
    BIO_free(bio);
}

static void add_name(char *out, size_t size, const char *bytes, size_t len)
{
    if (out[0] != '\0')
        escape_add(out, size, ", ", 2);
    escape_add(out, size, bytes, len);
}

static void add_address(char *out, size_t size, const ASN1_STRING *a)
{
    char text[INET6_ADDRSTRLEN];
    const unsigned char *bytes = ASN1_STRING_get0_data(a);
    int family = ASN1_STRING_length(a) == 4    ? AF_INET
                 : ASN1_STRING_length(a) == 16 ? AF_INET6
                                               : AF_UNSPEC;
    if (family != AF_UNSPEC &&
        inet_ntop(family, bytes, text, sizeof text) != NULL)
        add_name(out, size, text, strlen(text));
}

/* The names that the certificate is for; without any, its common name, which
 * counts then. */
static void put_names(const X509 *x, char *out, size_t size)
{
    GENERAL_NAMES *names =
        X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    out[0] = '\0';
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);
        if (n->type == GEN_DNS)
            add_name(out, size,
                     (const char *)ASN1_STRING_get0_data(n->d.dNSName),
                     (size_t)ASN1_STRING_length(n->d.dNSName));
        else if (n->type == GEN_IPADD)
            add_address(out, size, n->d.iPAddress);
    }
    GENERAL_NAMES_free(names);
    const X509_NAME *dn = X509_get_subject_name(x);
    int at = X509_NAME_get_index_by_NID(dn, NID_commonName, -1);
    if (out[0] != '\0' || at < 0)
        return;
    const ASN1_STRING *cn =
        X509_NAME_ENTRY_get_data(X509_NAME_get_entry(dn, at));
    escape_add(out, size, (const char *)ASN1_STRING_get0_data(cn),
               (size_t)ASN1_STRING_length(cn));
}

bool tls_certificate_of(SSL *ssl, struct tls_certificate *out)
{
    const X509 *x = SSL_get0_peer_certificate(ssl);
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
    if (x == NULL)
        return false;
    out->ends_wall_ms = wall_ms(X509_get0_notAfter(x));
    out->earliest_wall_ms = out->ends_wall_ms;
    for (int i = 0; i < sk_X509_num(chain); i++) {
        int64_t ends = wall_ms(X509_get0_notAfter(sk_X509_value(chain, i)));
        if (ends < out->earliest_wall_ms)
            out->earliest_wall_ms = ends;
    }
    put_dn(X509_get_subject_name(x), out->subject, sizeof out->subject);
    put_dn(X509_get_issuer_name(x), out->issuer, sizeof out->issuer);
    put_names(x, out->names, sizeof out->names);
    return true;
}

static void say_time(X509_STORE_CTX *store, const char *format, char *out,
                     size_t size)
{
    const X509 *x = X509_STORE_CTX_get_current_cert(store);
    char day[16], whose[TLS_NAME_SIZE] = "";
    bool begins =
        X509_STORE_CTX_get_error(store) == X509_V_ERR_CERT_NOT_YET_VALID;
    put_day(x == NULL ? NULL
            : begins  ? X509_get0_notBefore(x)
                      : X509_get0_notAfter(x),
            day);
    if (x != NULL && X509_STORE_CTX_get_error_depth(store) > 0)
        put_dn(X509_get_subject_name(x), whose, sizeof whose);
    snprintf(out, size, "certificate%s%.60s %s %s",
             whose[0] != '\0' ? " of " : "", whose, format, day);
}

static void say_issuer(X509_STORE_CTX *store, const char *format, char *out,
                       size_t size)
{
    const X509 *x = X509_STORE_CTX_get_current_cert(store);
    char issuer[TLS_NAME_SIZE] = "?";
    if (x != NULL)
        put_dn(X509_get_issuer_name(x), issuer, sizeof issuer);
    snprintf(out, size, "issuer %.50s %s", issuer, format);
}

void tls_certificate_words(X509_STORE_CTX *store, const char *name, bool has_ca,
                           char *out, size_t size)
{
    const X509 *x = X509_STORE_CTX_get0_cert(store);
    char names[TLS_NAMES_SIZE] = "";
    int error = X509_STORE_CTX_get_error(store);
    switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        say_time(store, "has expired on", out, size);
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        say_time(store, "is not valid before", out, size);
        break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        if (x != NULL)
            put_names(x, names, sizeof names);
        snprintf(out, size, "name %.60s is not among: %s", name, names);
        break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        snprintf(out, size, "self-signed certificate, %s",
                 has_ca ? "and it is not among those of the CA configured"
                        : "no CA configured");
        break;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        say_issuer(store,
                   has_ca ? "is not the CA that is configured"
                          : "is not trusted, no CA configured",
                   out, size);
        break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        say_issuer(store,
                   has_ca ? "is not known: another CA, or an intermediate "
                            "certificate is missing"
                          : "is not known, no CA configured",
                   out, size);
        break;
    default:
        snprintf(out, size, "certificate: %s",
                 X509_verify_cert_error_string(error));
        break;
    }
}
