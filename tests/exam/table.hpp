#pragma once

// The one table of the exam: what each solver reached on each problem, then what each adjoint reached on its gradient.
// It is printed when the program ends, with the rows of the cases that have run.

#include <cstdio>
#include <string>
#include <vector>

namespace exam {

struct TableRow {
  std::string problem, method, status;
  std::size_t evaluations;
  double residual, error;
};

struct Table {
  std::vector<TableRow> rows;

  ~Table() {
    if (rows.empty()) return;
    std::printf("\n%-26s %-22s %-15s %11s %9s %9s\n", "problem", "method", "status", "evaluations", "residual",
                "error");
    for (const TableRow& row : rows) {
      std::printf("%-26s %-22s %-15s %11zu %9.1e %9.1e\n", row.problem.c_str(), row.method.c_str(), row.status.c_str(),
                  row.evaluations, row.residual, row.error);
    }
  }
};

inline Table table;

}  // namespace exam
