# One target a folder, linking only what it may include; see README.md, "How the code is built".

set(NSQ_WARNINGS -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # Sees overlaps in std::string's operator+ that are not there (GCC bug 105651).
  list(APPEND NSQ_WARNINGS -Wno-restrict)
endif()

# Flags every target of ours gets; other people's headers come in as SYSTEM.
add_library(nsq_flags INTERFACE)
target_compile_features(nsq_flags INTERFACE cxx_std_20)
target_compile_options(nsq_flags INTERFACE ${NSQ_WARNINGS})
target_include_directories(nsq_flags INTERFACE ${PROJECT_SOURCE_DIR})
if(NSQ_SANITIZE)
  target_compile_options(nsq_flags INTERFACE -fsanitize=${NSQ_SANITIZE} -fno-omit-frame-pointer
                                             -fno-sanitize-recover=all)
  target_link_options(nsq_flags INTERFACE -fsanitize=${NSQ_SANITIZE})
endif()
if(NSQ_THREAD_SAFETY)
  target_compile_options(nsq_flags INTERFACE -Wthread-safety)
endif()

# nsq_library(NAME common_event SOURCES a.cc b.cc [HEADERS a.h b.h] [LINKS nsq::common_base ...])
#
# HEADERS are found by themselves when left out; the preset `headers` compiles each alone.
function(nsq_library)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;HEADERS;LINKS;PRIVATE_LINKS" ${ARGN})
  if(NOT ARG_HEADERS)
    file(GLOB ARG_HEADERS CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} *.h)
  endif()
  add_library(${ARG_NAME} STATIC ${ARG_SOURCES})
  add_library(nsq::${ARG_NAME} ALIAS ${ARG_NAME})
  target_sources(${ARG_NAME} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}
                                    FILES ${ARG_HEADERS})
  target_link_libraries(${ARG_NAME} PUBLIC nsq_flags ${ARG_LINKS} PRIVATE ${ARG_PRIVATE_LINKS})
endfunction()

# What the tests labelled `unit`, `unit-threads` and `fuzz` need, and no more.
add_custom_target(nsq_units)

# nsq_program(NAME nsqd SOURCES main.cc LINKS ... [INSTALL daemons]): ends up in <build>/bin, and
# with INSTALL in <prefix>/bin, in that component (daemons, utilities).
function(nsq_program)
  cmake_parse_arguments(ARG "" "NAME;INSTALL" "SOURCES;LINKS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SOURCES})
  target_link_libraries(${ARG_NAME} PRIVATE nsq_flags ${ARG_LINKS})
  set_target_properties(${ARG_NAME} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  add_dependencies(nsq_units ${ARG_NAME})
  if(ARG_INSTALL)
    install(TARGETS ${ARG_NAME} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT ${ARG_INSTALL})
  endif()
endfunction()

# nsq_test(NAME common_event_test SOURCES ... LINKS ... [THREADS] [TIMEOUT s] [LABEL name]): one
# binary a folder, one ctest entry for each TEST. The label is `unit` if none is given. THREADS: it
# has several, so it is one of those built by the target nsq_tsan and labelled `unit-threads`.
add_custom_target(nsq_tsan)
function(nsq_test)
  cmake_parse_arguments(ARG "THREADS" "NAME;TIMEOUT;LABEL" "SOURCES;LINKS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
    if(ARG_THREADS)
      set(ARG_LABEL unit-threads)
      add_dependencies(nsq_tsan ${ARG_NAME})
    endif()
    add_dependencies(nsq_units ${ARG_NAME})
  endif()
  add_executable(${ARG_NAME} ${ARG_SOURCES})
  target_link_libraries(${ARG_NAME} PRIVATE nsq_flags ${ARG_LINKS} GTest::gmock GTest::gtest_main)
  set_target_properties(${ARG_NAME} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin/tests)
  target_compile_definitions(${ARG_NAME} PRIVATE NSQ_BIN_DIR="${PROJECT_BINARY_DIR}/bin"
                                                 NSQ_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  gtest_discover_tests(${ARG_NAME} DISCOVERY_MODE PRE_TEST
    PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS ${ARG_LABEL}
               ENVIRONMENT TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/tsan.supp)
endfunction()

# nsq_fuzzer(NAME fuzz_commands SOURCES ... LINKS ... CORPUS dir)
#
# With the `fuzz` preset a libFuzzer binary; in every other build a program that runs the files of
# its corpus once, as a test, so that no fuzzer rots.
function(nsq_fuzzer)
  cmake_parse_arguments(ARG "" "NAME;CORPUS" "SOURCES;LINKS" ${ARGN})
  if(NSQ_FUZZ)
    add_executable(${ARG_NAME} ${ARG_SOURCES})
    target_link_options(${ARG_NAME} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(${ARG_NAME} ${ARG_SOURCES} ${PROJECT_SOURCE_DIR}/tests/fuzz/replay_main.cc)
    add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME} ${ARG_CORPUS})
    set_tests_properties(${ARG_NAME} PROPERTIES TIMEOUT 120 LABELS fuzz)
    add_dependencies(nsq_units ${ARG_NAME})
  endif()
  target_link_libraries(${ARG_NAME} PRIVATE nsq_flags ${ARG_LINKS})
  set_target_properties(${ARG_NAME} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin/fuzz)
endfunction()
