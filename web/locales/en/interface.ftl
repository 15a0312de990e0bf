refusal-web-gone = This node does not know that moment of the catalog, or no longer. List everything anew.
refusal-catalog-cursor-alone = A list by cursor goes without words, order and page.
