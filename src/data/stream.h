/* Files opened for reading, and streams of their bytes: plain, gzip, or deflated (as in a zip). */
#ifndef C2S_DATA_STREAM_H
#define C2S_DATA_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <c2s/error.h>

struct data_file {
    int fd; /* owned when is_open */
    bool is_open;
    int64_t size;
};

/* Regular files only. Fails: IO with the path and the reason. */
bool data_file_open(const char *path, struct data_file *out, struct c2s_error *err) C2S_MUST_CHECK;
bool data_file_share(const struct data_file *f, struct data_file *out,
                     struct c2s_error *err) C2S_MUST_CHECK;
void data_file_close(struct data_file *f); /* accepts a zeroed one */
/* All n bytes at offset. Fails: IO, FORMAT when the file ends before. Safe between threads. */
bool data_file_read(const struct data_file *f, int64_t offset, void *out, size_t n,
                    struct c2s_error *err) C2S_MUST_CHECK;

enum data_packing { DATA_PLAIN, DATA_GZIP, DATA_DEFLATE };

struct data_stream;

/* Bytes offset..offset+length-1 of f, which is borrowed for the stream's life. */
bool data_stream_open(const struct data_file *f, int64_t offset, int64_t length,
                      enum data_packing packing, struct data_stream **out,
                      struct c2s_error *err) C2S_MUST_CHECK;
void data_stream_close(struct data_stream *s); /* accepts NULL */
/* Reads up to n unpacked bytes; *got < n only at the end. Fails: IO, FORMAT (damaged or truncated
 * packing). */
bool data_stream_read(struct data_stream *s, void *out, size_t n, size_t *got,
                      struct c2s_error *err) C2S_MUST_CHECK;
/* The same, but fewer bytes than n are a failure: "the file ends inside its WHAT". */
bool data_stream_exactly(struct data_stream *s, void *out, size_t n, const char *what,
                         struct c2s_error *err) C2S_MUST_CHECK;

/* How many bytes may still come: exact for a plain stream, else the most that deflate can pack
 * into what is left (1032 : 1). */
int64_t data_stream_left(const struct data_stream *s);
/* A plain stream's file and current offset in it; false for a packed one. */
bool data_stream_place(const struct data_stream *s, const struct data_file **f, int64_t *offset);
/* CRC-32 of the bytes given out so far, as in a zip. */
uint32_t data_stream_crc(const struct data_stream *s);
/* CRC-32 of a part of a file. */
bool data_file_crc(const struct data_file *f, int64_t offset, int64_t length, uint32_t *crc,
                   struct c2s_error *err) C2S_MUST_CHECK;

#endif
