#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nsq::admin {

// An HTTP request as it was sent, and what is said to it; no word of the server in between.
struct Request {
  std::string method;  // "GET"
  std::string target;  // "/topics/a%23ephemeral?x=y"
  std::string body;
  std::string peer;  // "10.0.0.1:50123"
  std::vector<std::pair<std::string, std::string>> headers;

  // The first header of this name, in any case; empty if there is none.
  std::string_view Header(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type = {};  // empty: none
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
  bool routine = false;  // asked for every few seconds: logged for debugging only

  static Response Json(std::string body);
  // {"message":"TEXT"}
  static Response Error(int status, std::string_view text);
  static Response Text(int status, std::string_view text);
};

}  // namespace nsq::admin
