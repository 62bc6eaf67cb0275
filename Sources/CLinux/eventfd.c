#include "CLinux.h"

#include <sys/eventfd.h>

int shoal_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }
