#include "mount/lazy.h"
int xc_lazy_start(const struct xc_lazy_opts *opts, struct xc_lazy **ret_lazy, struct xc_err *err)
{
	(void)opts;
	(void)ret_lazy;
	return xc_err_set(err, XC_ERR_UNSUPPORTED, "no lazy yet");
}
void xc_lazy_serve(struct xc_lazy *lazy)
{
	(void)lazy;
}
void xc_lazy_free(struct xc_lazy *lazy)
{
	(void)lazy;
}
