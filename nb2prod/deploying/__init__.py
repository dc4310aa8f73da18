"""Deploying: releases put where they are asked, and in each other's place."""
