/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cmd.h"

#include "mount/mounter.h"

int xc_cmd_mounter(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return xc_mounter_main();
}
