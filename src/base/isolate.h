/* SPDX-License-Identifier: Apache-2.0 */
/* What keeps the program to itself, whatever userland and kernel it runs on. */
#ifndef XC_BASE_ISOLATE_H
#define XC_BASE_ISOLATE_H

/*
 * To be called before anything else. From here on libcrypto reads no
 * configuration and thus loads no engine or provider of the machine's, and
 * threads start where a seccomp profile does not know clone3(2).
 *
 * Linked in, this also takes the place of the C library's iconv_open(3).
 */
void xc_isolate_process(void);

#endif
