/** The only list of components. Adding one adds its files and a line here. */
import { api } from "./api.ts";
import type { Component } from "./component.ts";

export const components: readonly Component[] = [api];
