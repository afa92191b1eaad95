#ifndef NET_TLS_LIBRARY_H
#define NET_TLS_LIBRARY_H

#include "agent/err.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/*
 * OpenSSL, loaded when TLS is asked for first.  What is included here is all
 * of it that may be called; the names below lead to what was loaded, so that
 * its users read like any other program that calls it.  A call that is missing
 * here is an undefined symbol of the program.
 */

/* Once it has returned 0, all of it may be called by any thread, for as long
 * as the process lives.  -1 and E in the loader's words.  Waits for the disk
 * the first time.  Thread: any. */
int tls_library_load(struct err *e) MUST_USE;

/* clang-format off */
#define TLS_LIBRARY(X) \
    X(ASN1_STRING_get0_data) \
    X(ASN1_STRING_length) \
    X(ASN1_TIME_to_tm) \
    X(BIO_clear_flags) \
    X(BIO_ctrl) \
    X(BIO_free) \
    X(BIO_get_data) \
    X(BIO_get_new_index) \
    X(BIO_meth_new) \
    X(BIO_meth_set_ctrl) \
    X(BIO_meth_set_read) \
    X(BIO_meth_set_write) \
    X(BIO_new) \
    X(BIO_new_mem_buf) \
    X(BIO_s_mem) \
    X(BIO_set_data) \
    X(BIO_set_flags) \
    X(BIO_set_init) \
    X(CRYPTO_set_mem_functions) \
    X(ERR_clear_error) \
    X(ERR_peek_error) \
    X(ERR_peek_last_error) \
    X(ERR_reason_error_string) \
    X(EVP_PKEY_free) \
    X(GENERAL_NAMES_free) \
    X(OPENSSL_sk_num) \
    X(OPENSSL_sk_value) \
    X(PEM_read_bio_PrivateKey) \
    X(PEM_read_bio_X509) \
    X(PEM_read_bio_X509_AUX) \
    X(SSL_CTX_check_private_key) \
    X(SSL_CTX_ctrl) \
    X(SSL_CTX_free) \
    X(SSL_CTX_get_cert_store) \
    X(SSL_CTX_load_verify_dir) \
    X(SSL_CTX_new) \
    X(SSL_CTX_sess_set_new_cb) \
    X(SSL_CTX_set_default_verify_paths) \
    X(SSL_CTX_set_options) \
    X(SSL_CTX_use_PrivateKey) \
    X(SSL_CTX_use_certificate) \
    X(SSL_SESSION_free) \
    X(SSL_SESSION_get0_peer) \
    X(SSL_alert_desc_string_long) \
    X(SSL_ctrl) \
    X(SSL_do_handshake) \
    X(SSL_free) \
    X(SSL_get0_param) \
    X(SSL_get0_peer_certificate) \
    X(SSL_get_error) \
    X(SSL_get_ex_data) \
    X(SSL_get_ex_data_X509_STORE_CTX_idx) \
    X(SSL_get_peer_cert_chain) \
    X(SSL_has_pending) \
    X(SSL_new) \
    X(SSL_read_ex) \
    X(SSL_session_reused) \
    X(SSL_set1_host) \
    X(SSL_set_bio) \
    X(SSL_set_connect_state) \
    X(SSL_set_ex_data) \
    X(SSL_set_hostflags) \
    X(SSL_set_session) \
    X(SSL_set_shutdown) \
    X(SSL_set_verify) \
    X(SSL_shutdown) \
    X(SSL_write_ex) \
    X(TLS_client_method) \
    X(X509_NAME_ENTRY_get_data) \
    X(X509_NAME_get_entry) \
    X(X509_NAME_get_index_by_NID) \
    X(X509_NAME_print_ex) \
    X(X509_STORE_CTX_get0_cert) \
    X(X509_STORE_CTX_get_current_cert) \
    X(X509_STORE_CTX_get_error) \
    X(X509_STORE_CTX_get_error_depth) \
    X(X509_STORE_CTX_get_ex_data) \
    X(X509_STORE_add_cert) \
    X(X509_VERIFY_PARAM_set1_ip_asc) \
    X(X509_free) \
    X(X509_get0_notAfter) \
    X(X509_get0_notBefore) \
    X(X509_get_ext_d2i) \
    X(X509_get_issuer_name) \
    X(X509_get_subject_name) \
    X(X509_verify_cert_error_string) \
    X(d2i_SSL_SESSION) \
    X(i2d_SSL_SESSION)

struct tls_library {
#define TLS_LIBRARY_MEMBER(f) __typeof__(f) *f;
    TLS_LIBRARY(TLS_LIBRARY_MEMBER)
#undef TLS_LIBRARY_MEMBER
};
extern struct tls_library tls_library;

#define ASN1_STRING_get0_data tls_library.ASN1_STRING_get0_data
#define ASN1_STRING_length tls_library.ASN1_STRING_length
#define ASN1_TIME_to_tm tls_library.ASN1_TIME_to_tm
#define BIO_clear_flags tls_library.BIO_clear_flags
#define BIO_ctrl tls_library.BIO_ctrl
#define BIO_free tls_library.BIO_free
#define BIO_get_data tls_library.BIO_get_data
#define BIO_get_new_index tls_library.BIO_get_new_index
#define BIO_meth_new tls_library.BIO_meth_new
#define BIO_meth_set_ctrl tls_library.BIO_meth_set_ctrl
#define BIO_meth_set_read tls_library.BIO_meth_set_read
#define BIO_meth_set_write tls_library.BIO_meth_set_write
#define BIO_new tls_library.BIO_new
#define BIO_new_mem_buf tls_library.BIO_new_mem_buf
#define BIO_s_mem tls_library.BIO_s_mem
#define BIO_set_data tls_library.BIO_set_data
#define BIO_set_flags tls_library.BIO_set_flags
#define BIO_set_init tls_library.BIO_set_init
#define CRYPTO_set_mem_functions tls_library.CRYPTO_set_mem_functions
#define ERR_clear_error tls_library.ERR_clear_error
#define ERR_peek_error tls_library.ERR_peek_error
#define ERR_peek_last_error tls_library.ERR_peek_last_error
#define ERR_reason_error_string tls_library.ERR_reason_error_string
#define EVP_PKEY_free tls_library.EVP_PKEY_free
#define GENERAL_NAMES_free tls_library.GENERAL_NAMES_free
#define OPENSSL_sk_num tls_library.OPENSSL_sk_num
#define OPENSSL_sk_value tls_library.OPENSSL_sk_value
#define PEM_read_bio_PrivateKey tls_library.PEM_read_bio_PrivateKey
#define PEM_read_bio_X509 tls_library.PEM_read_bio_X509
#define PEM_read_bio_X509_AUX tls_library.PEM_read_bio_X509_AUX
#define SSL_CTX_check_private_key tls_library.SSL_CTX_check_private_key
#define SSL_CTX_ctrl tls_library.SSL_CTX_ctrl
#define SSL_CTX_free tls_library.SSL_CTX_free
#define SSL_CTX_get_cert_store tls_library.SSL_CTX_get_cert_store
#define SSL_CTX_load_verify_dir tls_library.SSL_CTX_load_verify_dir
#define SSL_CTX_new tls_library.SSL_CTX_new
#define SSL_CTX_sess_set_new_cb tls_library.SSL_CTX_sess_set_new_cb
#define SSL_CTX_set_default_verify_paths tls_library.SSL_CTX_set_default_verify_paths
#define SSL_CTX_set_options tls_library.SSL_CTX_set_options
#define SSL_CTX_use_PrivateKey tls_library.SSL_CTX_use_PrivateKey
#define SSL_CTX_use_certificate tls_library.SSL_CTX_use_certificate
#define SSL_SESSION_free tls_library.SSL_SESSION_free
#define SSL_SESSION_get0_peer tls_library.SSL_SESSION_get0_peer
#define SSL_alert_desc_string_long tls_library.SSL_alert_desc_string_long
#define SSL_ctrl tls_library.SSL_ctrl
#define SSL_do_handshake tls_library.SSL_do_handshake
#define SSL_free tls_library.SSL_free
#define SSL_get0_param tls_library.SSL_get0_param
#define SSL_get0_peer_certificate tls_library.SSL_get0_peer_certificate
#define SSL_get_error tls_library.SSL_get_error
#define SSL_get_ex_data tls_library.SSL_get_ex_data
#define SSL_get_ex_data_X509_STORE_CTX_idx tls_library.SSL_get_ex_data_X509_STORE_CTX_idx
#define SSL_get_peer_cert_chain tls_library.SSL_get_peer_cert_chain
#define SSL_has_pending tls_library.SSL_has_pending
#define SSL_new tls_library.SSL_new
#define SSL_read_ex tls_library.SSL_read_ex
#define SSL_session_reused tls_library.SSL_session_reused
#define SSL_set1_host tls_library.SSL_set1_host
#define SSL_set_bio tls_library.SSL_set_bio
#define SSL_set_connect_state tls_library.SSL_set_connect_state
#define SSL_set_ex_data tls_library.SSL_set_ex_data
#define SSL_set_hostflags tls_library.SSL_set_hostflags
#define SSL_set_session tls_library.SSL_set_session
#define SSL_set_shutdown tls_library.SSL_set_shutdown
#define SSL_set_verify tls_library.SSL_set_verify
#define SSL_shutdown tls_library.SSL_shutdown
#define SSL_write_ex tls_library.SSL_write_ex
#define TLS_client_method tls_library.TLS_client_method
#define X509_NAME_ENTRY_get_data tls_library.X509_NAME_ENTRY_get_data
#define X509_NAME_get_entry tls_library.X509_NAME_get_entry
#define X509_NAME_get_index_by_NID tls_library.X509_NAME_get_index_by_NID
#define X509_NAME_print_ex tls_library.X509_NAME_print_ex
#define X509_STORE_CTX_get0_cert tls_library.X509_STORE_CTX_get0_cert
#define X509_STORE_CTX_get_current_cert tls_library.X509_STORE_CTX_get_current_cert
#define X509_STORE_CTX_get_error tls_library.X509_STORE_CTX_get_error
#define X509_STORE_CTX_get_error_depth tls_library.X509_STORE_CTX_get_error_depth
#define X509_STORE_CTX_get_ex_data tls_library.X509_STORE_CTX_get_ex_data
#define X509_STORE_add_cert tls_library.X509_STORE_add_cert
#define X509_VERIFY_PARAM_set1_ip_asc tls_library.X509_VERIFY_PARAM_set1_ip_asc
#define X509_free tls_library.X509_free
#define X509_get0_notAfter tls_library.X509_get0_notAfter
#define X509_get0_notBefore tls_library.X509_get0_notBefore
#define X509_get_ext_d2i tls_library.X509_get_ext_d2i
#define X509_get_issuer_name tls_library.X509_get_issuer_name
#define X509_get_subject_name tls_library.X509_get_subject_name
#define X509_verify_cert_error_string tls_library.X509_verify_cert_error_string
#define d2i_SSL_SESSION tls_library.d2i_SSL_SESSION
#define i2d_SSL_SESSION tls_library.i2d_SSL_SESSION
/* clang-format on */

#endif
