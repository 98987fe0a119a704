/* The scenario of ../scenario.py with hiredis: cc hiredis.c -lhiredis -o hiredis && ./hiredis PORT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#define SCRIPT "return {KEYS[1], redis.call('INCRBY', KEYS[1], ARGV[1])}"
#define LIBRARY                                                                                             \
    "#!lua name=shop\n"                                                                                     \
    "redis.register_function('sell', function(keys, args)"                                                  \
    " return redis.call('DECRBY', keys[1], args[1]) end)\n"

static int port;

static redisContext *connect_redis(void) {
    redisContext *redis = redisConnect("127.0.0.1", port);
    if (redis == NULL || redis->err) {
        fprintf(stderr, "%s\n", redis ? redis->errstr : "out of memory");
        exit(1);
    }
    return redis;
}

/* A reply as it is printed: elements of arrays one after the other. */
static void print_reply(const redisReply *reply) {
    switch (reply->type) {
    case REDIS_REPLY_INTEGER:
        printf(" %lld", reply->integer);
        break;
    case REDIS_REPLY_NIL:
        printf(" nil");
        break;
    case REDIS_REPLY_ARRAY:
        for (size_t i = 0; i < reply->elements; i++) print_reply(reply->element[i]);
        break;
    default:
        printf(" %s", reply->str);
    }
}

/* [[id, [field, value]] ...] */
static void print_entries(const redisReply *entries) {
    for (size_t i = 0; i < entries->elements; i++) {
        const redisReply *entry = entries->element[i], *fields = entry->element[1];
        printf(" %s %s=%s", entry->element[0]->str, fields->element[0]->str, fields->element[1]->str);
    }
}

/* Send a command and print its step with the reply. */
static void say(redisContext *redis, const char *step, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = redisvCommand(redis, format, arguments);
    va_end(arguments);
    printf("%s:", step);
    print_reply(reply);
    printf("\n");
    freeReplyObject(reply);
}

/* Send a command whose reply does not matter. */
static void tell(redisContext *redis, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    freeReplyObject(redisvCommand(redis, format, arguments));
    va_end(arguments);
}

static void strings(redisContext *redis) {
    say(redis, "set", "SET greeting %s", "grüße");
    say(redis, "mget", "MGET greeting nothing");
    say(redis, "set again", "SET greeting again NX");
    say(redis, "counted", "INCRBY visits %d", 42);
    tell(redis, "SET bytes %b", "\x00\xff\r\n", (size_t)4);
    redisReply *reply = redisCommand(redis, "GET bytes");
    printf("bytes: ");
    for (size_t i = 0; i < reply->len; i++) printf("%02x", (unsigned char)reply->str[i]);
    printf("\n");
    freeReplyObject(reply);
}

static void lists(redisContext *redis) {
    say(redis, "pushed", "RPUSH jobs a b c");
    say(redis, "moved", "LMOVE jobs active LEFT RIGHT");
    say(redis, "popped", "BLPOP empty jobs 1");
    say(redis, "left", "LRANGE jobs 0 -1");
    say(redis, "nothing", "BRPOP empty 0.01");
    say(redis, "waited", "BLPOP later 0");
}

/* Subscribe on a connection of its own, and print the first message without its kind. */
static void listen_once(const char *step, const char *command) {
    redisContext *listener = connect_redis();
    redisReply *message;
    tell(listener, command);
    if (redisGetReply(listener, (void **)&message) != REDIS_OK) exit(1);
    printf("%s:", step);
    for (size_t i = 1; i < message->elements; i++) print_reply(message->element[i]);
    printf("\n");
    freeReplyObject(message);
    redisFree(listener);
}

static void pubsub(void) {
    listen_once("message", "SUBSCRIBE news");
    listen_once("by pattern", "PSUBSCRIBE n*");
}

static void streams(redisContext *redis) {
    redisReply *reply, *first, *second;
    redisAppendCommand(redis, "XADD orders 1-1 item tea");
    redisAppendCommand(redis, "XADD orders 1-2 item milk");
    redisGetReply(redis, (void **)&first);
    redisGetReply(redis, (void **)&second);
    printf("added: %s %s\n", first->str, second->str);
    freeReplyObject(first);
    freeReplyObject(second);

    tell(redis, "XGROUP CREATE orders shop 0");
    reply = redisCommand(redis, "XREADGROUP GROUP shop alice STREAMS orders >");
    printf("delivered:");
    print_entries(reply->element[0]->element[1]);
    freeReplyObject(reply);
    say(redis, "\nacknowledged", "XACK orders shop 1-1");

    reply = redisCommand(redis, "XPENDING orders shop");
    printf("pending: %lld %s %s\n", reply->element[0]->integer, reply->element[1]->str, reply->element[2]->str);
    freeReplyObject(reply);
    reply = redisCommand(redis, "XAUTOCLAIM orders shop bob 0 0");
    printf("claimed:");
    print_entries(reply->element[1]);
    freeReplyObject(reply);

    reply = redisCommand(redis, "XREADGROUP GROUP shop alice BLOCK 0 STREAMS orders >");
    printf("\nwaited:");
    print_entries(reply->element[0]->element[1]);
    printf("\n");
    freeReplyObject(reply);
}

static void transactions(redisContext *redis) {
    tell(redis, "MULTI");
    tell(redis, "SET stock 1");
    tell(redis, "INCR stock");
    tell(redis, "INCRBY stock 5");
    say(redis, "exec", "EXEC");

    redisContext *other = connect_redis();
    tell(redis, "WATCH stock");
    tell(other, "INCR stock");
    redisFree(other);
    tell(redis, "MULTI");
    tell(redis, "SET stock 0");
    say(redis, "watched", "EXEC");
    say(redis, "error", "LPUSH stock x");
}

static void scripts(redisContext *redis) {
    say(redis, "eval", "EVAL %s 1 stock 2", SCRIPT);
    redisReply *sha = redisCommand(redis, "SCRIPT LOAD %s", SCRIPT);
    say(redis, "evalsha", "EVALSHA %s 1 stock 3", sha->str);
    freeReplyObject(sha);
    redisReply *error = redisCommand(redis, "EVALSHA ffffffffffffffffffffffffffffffffffffffff 0");
    printf("unknown: %.*s\n", (int)strcspn(error->str, " "), error->str);
    freeReplyObject(error);
    tell(redis, "FUNCTION LOAD %s", LIBRARY);
    say(redis, "function", "FCALL sell 1 stock 4");
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    port = atoi(argv[1]);
    redisContext *redis = connect_redis();
    strings(redis);
    lists(redis);
    pubsub();
    streams(redis);
    transactions(redis);
    scripts(redis);
    redisFree(redis);
    return 0;
}
