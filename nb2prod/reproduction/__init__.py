"""Reproduction: releases made again from their own record."""
