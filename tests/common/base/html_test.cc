#include "common/html.h"

#include <gtest/gtest.h>

namespace nsq {
namespace {

TEST(HtmlTest, WhatMeansSomethingToHtmlIsEscapedTheRestIsNot) {
  EXPECT_EQ(EscapeHtml(R"(<a href="x" title='y'>&</a>)"),
            "&lt;a href=&#34;x&#34; title=&#39;y&#39;&gt;&amp;&lt;/a&gt;");
  EXPECT_EQ(EscapeHtml("Größe {1}"), "Größe {1}");
}

}  // namespace
}  // namespace nsq
