/* What the file system allows where a workspace lies. */
#ifndef STORE_PLACE_H
#define STORE_PLACE_H

#include <stdbool.h>

/* New texts (free()); NULL without memory. */
char *place_folder(const char *path); /* the folder that path is in */
char *place_beside(const char *path, const char *suffix);
/* "file:PATH?immutable=1": SQLite then needs no lock and no second file beside it. */
char *place_immutable_uri(const char *path);

/* Versions may stand in a log beside the file, which a view of the file alone would not see. */
bool place_has_log(const char *path);
/* SQLite writes the file, and makes a log and its index beside it. */
bool place_may_be_written(const char *path);

#endif
