/* SPDX-License-Identifier: Apache-2.0 */
/* The question to STS that needs no permission: who am I? (AWS STS, GetCallerIdentity) */
#ifndef XC_AWS_CREDENTIALS_STS_H
#define XC_AWS_CREDENTIALS_STS_H

#include "aws/credentials/credentials.h"

/*
 * The ARN that the credentials belong to, on the heap. One request, so never
 * on an engine's thread. AUTH if they are refused, or are anonymous.
 */
int xc_sts_caller_identity(const struct xc_credentials_opts *opts,
			   const struct xc_credentials *credentials, char **ret_arn,
			   struct xc_err *err) XC_CHECK;

#endif
