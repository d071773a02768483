// What the wall's modules make nodes and texts with.

/** Marks a text that is said in the element's language. Values take the places of what is in braces: those called text are
 * such texts themselves, those called number are numbers. */
export const words = (text, ...values) => text.replace(/\{\w+\}/g, () => values.shift());

export const make = (name, properties, ...children) => {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
};

/** The page's own server asks browsers for its name by the address of the page. */
export const api = (path) => `api/v1/${path}${location.search}`;
