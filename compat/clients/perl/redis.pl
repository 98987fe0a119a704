#!/usr/bin/perl
# The scenario of ../scenario.py with Perl's Redis: perl redis.pl PORT
use strict;
use warnings;
use utf8;

use Redis;

my $SCRIPT  = q{return {KEYS[1], redis.call('INCRBY', KEYS[1], ARGV[1])}};
my $LIBRARY = <<'LUA';
#!lua name=shop
redis.register_function('sell', function(keys, args) return redis.call('DECRBY', keys[1], args[1]) end)
LUA

sub connect_redis { return Redis->new( server => "127.0.0.1:$ARGV[0]" ) }

sub say_step {
    my ( $step, @values ) = @_;
    print "$step: ", join( ' ', map { $_ // 'nil' } @values ), "\n";
    return;
}

sub entries {
    my ($found) = @_;
    return map { "$_->[0] item=$_->[1][1]" } @$found;
}

sub strings {
    my ($redis) = @_;
    my $greeting = 'grüße';
    utf8::encode($greeting);    # keys and values are bytes
    say_step( 'set',       $redis->set( 'greeting', $greeting ) );
    say_step( 'mget',      $redis->mget( 'greeting', 'nothing' ) );
    say_step( 'set again', scalar $redis->set( 'greeting', 'again', 'NX' ) );
    say_step( 'counted',   $redis->incrby( 'visits', 42 ) );
    $redis->set( 'bytes', "\x00\xff\r\n" );
    say_step( 'bytes', unpack 'H*', $redis->get('bytes') );
    return;
}

sub lists {
    my ($redis) = @_;
    say_step( 'pushed',  $redis->rpush( 'jobs', qw(a b c) ) );
    say_step( 'moved',   $redis->lmove( 'jobs', 'active', 'LEFT', 'RIGHT' ) );
    say_step( 'popped',  $redis->blpop( 'empty', 'jobs', 1 ) );
    say_step( 'left',    $redis->lrange( 'jobs', 0, -1 ) );
    say_step( 'nothing', scalar $redis->brpop( 'empty', 0.01 ) );
    say_step( 'waited',  $redis->blpop( 'later', 0 ) );
    return;
}

# Wait until a callback has set what is given. A message that came together with the confirmation of a
# subscription stays in the client's buffer until another command looks there.
sub await {
    my ( $listener, $heard ) = @_;
    until ($$heard) {
        $listener->wait_for_messages(0.1);
        $listener->subscribe( 'nothing', sub { } );
    }
    return;
}

sub pubsub {
    my $listener = connect_redis();
    my ( $message_heard, $match_heard );
    my $message = sub {
        my ( $text, $channel ) = @_;
        say_step( 'message', $channel, $text );
        $message_heard = 1;
    };
    $listener->subscribe( 'news', $message );
    await( $listener, \$message_heard );
    $listener->unsubscribe( 'news', $message );

    my $match = sub {
        my ( $text, $channel, $pattern ) = @_;
        say_step( 'by pattern', $pattern, $channel, $text );
        $match_heard = 1;
    };
    $listener->psubscribe( 'n*', $match );
    await( $listener, \$match_heard );
    return;
}

sub streams {
    my ($redis) = @_;
    say_step( 'added', map { $redis->xadd( 'orders', @$_ ) } [ '1-1', item => 'tea' ], [ '1-2', item => 'milk' ] );
    $redis->xgroup( 'CREATE', 'orders', 'shop', '0' );
    my @read = qw(GROUP shop alice STREAMS orders >);
    my ($delivered) = $redis->xreadgroup(@read);
    say_step( 'delivered',    entries( $delivered->[1] ) );
    say_step( 'acknowledged', $redis->xack( 'orders', 'shop', '1-1' ) );
    my ( $count, $first, $last ) = $redis->xpending( 'orders', 'shop' );
    say_step( 'pending', $count, $first, $last );
    my ( undef, $claimed ) = $redis->xautoclaim( 'orders', 'shop', 'bob', 0, '0' );
    say_step( 'claimed', entries($claimed) );
    ($delivered) = $redis->xreadgroup( 'BLOCK', 0, @read );
    say_step( 'waited', entries( $delivered->[1] ) );
    return;
}

sub transactions {
    my ($redis) = @_;
    $redis->multi;
    $redis->set( 'stock', 1 );
    $redis->incr('stock');
    $redis->incrby( 'stock', 5 );
    say_step( 'exec', $redis->exec );
    $redis->watch('stock');
    connect_redis()->incr('stock');    # somebody else
    $redis->multi;
    $redis->set( 'stock', 0 );
    say_step( 'watched', scalar $redis->exec );
    eval { $redis->lpush( 'stock', 'x' ) };
    say_step( 'error', $@ =~ /(WRONGTYPE [\w ]+)/ );
    return;
}

sub scripts {
    my ($redis) = @_;
    say_step( 'eval',    $redis->eval( $SCRIPT, 1, 'stock', 2 ) );
    say_step( 'evalsha', $redis->evalsha( $redis->script_load($SCRIPT), 1, 'stock', 3 ) );
    eval { $redis->evalsha( 'f' x 40, 0 ) };
    say_step( 'unknown', $@ =~ /(NOSCRIPT)/ );
    $redis->function( 'LOAD', $LIBRARY );
    say_step( 'function', $redis->fcall( 'sell', 1, 'stock', 4 ) );
    return;
}

my $redis = connect_redis();
strings($redis);
lists($redis);
pubsub();
streams($redis);
transactions($redis);
scripts($redis);
