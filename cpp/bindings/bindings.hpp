#pragma once
// What module.cpp calls, one function a file.

#include <pybind11/pybind11.h>

namespace sharpwave::bindings {

void bind_replay_buffer(pybind11::module_& m);
void bind_prefetch(pybind11::module_& m);
void bind_td(pybind11::module_& m);
void bind_q_table(pybind11::module_& m);
void bind_mlp(pybind11::module_& m);
void bind_actor_critic(pybind11::module_& m);
void bind_columns(pybind11::module_& m);
void bind_sum_tree(pybind11::module_& m);
void bind_tensors(pybind11::module_& m);
void bind_build_info(pybind11::module_& m);

}  // namespace sharpwave::bindings
