#pragma once

// All of the client library.

#include <nsq/client_options.h>  // IWYU pragma: export
#include <nsq/consumer.h>        // IWYU pragma: export
#include <nsq/error.h>           // IWYU pragma: export
#include <nsq/log.h>             // IWYU pragma: export
#include <nsq/message.h>         // IWYU pragma: export
#include <nsq/producer.h>        // IWYU pragma: export
#include <nsq/producer_pool.h>   // IWYU pragma: export
#include <nsq/runtime.h>         // IWYU pragma: export
